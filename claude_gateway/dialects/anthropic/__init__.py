"""Anthropic's Messages API: what the inside speaks, so there is little to translate."""
