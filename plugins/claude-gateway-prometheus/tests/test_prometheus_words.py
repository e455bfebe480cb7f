"""Words that come from outside cannot make labels without end."""

from __future__ import annotations

from claude_gateway_prometheus.observer import MOST_WORDS, OTHER, Words


def test_t32_words_from_outside_are_only_so_many() -> None:
    words = Words()
    shown = {words.of("server", f"tool-{number}") for number in range(10_000)}
    assert len(shown) == MOST_WORDS + 1
    assert words.of("server", "tool-0") == ("server", "tool-0")
    assert words.of("server", "tool-9999") == (OTHER, OTHER)
