"""The work of ``suppress``."""
