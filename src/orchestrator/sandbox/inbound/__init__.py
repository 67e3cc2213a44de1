"""SendGrid's Inbound Parse: mail that comes in, and how it is posted on."""
