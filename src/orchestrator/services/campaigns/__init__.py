"""Creating campaigns, and what people may ask of them afterwards."""
