"""HTTP out: how a mail leaves this machine."""
