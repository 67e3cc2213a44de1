"""What outreach means, in plain Python: no database, no network, no framework."""
