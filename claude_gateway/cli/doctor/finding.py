"""What was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and what to do about it where something is to be done."""

    state: Literal["ok", "note", "bad"]
    says: str
    fix: str = ""
