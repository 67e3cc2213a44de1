"""``outreach chaos``: workers are killed while the provider misbehaves, and then the books are compared."""
