"""Sessions as conversations: what a turn begins with, and what the model is told of the past."""
