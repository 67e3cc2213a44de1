"""Provider formats in: what SendGrid sends us, verified and put into our own words."""
