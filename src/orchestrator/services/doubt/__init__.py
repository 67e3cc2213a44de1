"""Mails of which nobody knows whether SendGrid took them: what silence proves, and who decides."""
