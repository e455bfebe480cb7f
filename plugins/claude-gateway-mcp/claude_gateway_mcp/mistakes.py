"""What is wrong with a configuration, by field."""

from __future__ import annotations


class Mistake(Exception):
    """A field that cannot be used; `why` is a phrase that fits behind its name."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field = field
        self.why = why
