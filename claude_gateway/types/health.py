"""How something is doing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """`ok`, and `detail`: one line for a person, free of secrets."""

    ok: bool
    detail: str = ""
