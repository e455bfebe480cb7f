"""Who may come in, decided from facts about a request, never from the request itself."""
