"""The people behind the mailboxes, their mail programs, and the machines that act for them."""
