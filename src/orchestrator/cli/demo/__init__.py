"""``outreach demo``: the whole product on one temporary database, with the sandbox in SendGrid's place."""
