"""The catalogue: which models exist, what they are called, which backend serves them."""
