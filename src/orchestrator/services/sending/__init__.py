"""Claim, hand over, POST, settle: one mail or whatever is due, at the pace that the account allows."""
