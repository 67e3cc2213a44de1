"""The commands: what they are called, what they take; the work is done by what they import when they run."""
