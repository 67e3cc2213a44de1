"""Events out: how the rest of the platform hears of it."""
