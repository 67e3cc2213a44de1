"""What owners say: opt-outs, replies, and the list of those who must not be written to."""
