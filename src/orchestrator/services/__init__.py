"""Use cases: one file per thing the product does; no SQL, no HTTP."""
