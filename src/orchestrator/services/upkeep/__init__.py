"""Keeping the installation well: processes, keys, the outbox, what is too old, and the doctor."""
