"""What SendGrid reports: taken in, given to its campaign, and kept to be looked at."""
