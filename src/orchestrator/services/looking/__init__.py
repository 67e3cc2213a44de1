"""What people and programs look at: figures, lists, and one thing with all that is known of it."""
