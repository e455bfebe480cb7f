"""What is known of tools from earlier: what they said when somebody agreed to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pin:
    """What a tool said of itself when it was first seen, or when it was last approved.

    `said` is JSON, an object with `name`, `description`, `input_schema` and `output_schema`;
    `digest` is its hash. `pinned_at` is in seconds since 1970.
    """

    server: str
    tool: str
    digest: str
    said: bytes
    pinned_at: float
