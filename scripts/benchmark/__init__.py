"""Measure the gateway against the smallest server that could do the same. `scripts/bench --help`."""
