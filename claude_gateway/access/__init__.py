"""Who may come in and where the gateway may go: decided from facts, never from a request itself."""
