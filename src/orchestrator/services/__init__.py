"""Use cases: one room per concern, one file per thing the product does; no SQL, no HTTP."""
