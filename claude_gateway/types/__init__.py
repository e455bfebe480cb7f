"""Values that travel between the floors: requests, events, usage, models, callers."""
