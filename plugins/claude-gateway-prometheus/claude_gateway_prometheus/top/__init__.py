"""A live view in a terminal. It reads /metrics, as Prometheus does."""
