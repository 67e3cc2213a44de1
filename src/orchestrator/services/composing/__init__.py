"""From a campaign to a finished mail, and the addresses that its answers come to."""
