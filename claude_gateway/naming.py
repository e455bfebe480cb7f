"""Names of tools that an API does not take, and what they become.

What a name becomes depends on it alone: other tools do not change it, so a prefix that is cached
stays the same when a tool comes or goes. A name that looks as if it had been made here is made
anew; so no name can be taken for another's.
"""

from __future__ import annotations

import hashlib
import re

LONGEST = 128  # characters; what Anthropic takes
TAKEN = re.compile(r"[a-zA-Z0-9_-]+")
NOT_TAKEN = re.compile(r"[^a-zA-Z0-9_-]+")
MARK, DIGEST = "-x", 20
MADE = re.compile(rf".*{MARK}[0-9a-f]{{{DIGEST}}}", re.DOTALL)


def fits(name: str, longest: int = LONGEST) -> bool:
    """Whether it can be sent as it is."""
    made = MARK in name and MADE.fullmatch(name)
    return len(name) <= longest and TAKEN.fullmatch(name) is not None and not made


def made_name(name: str, longest: int = LONGEST, *, source: str | None = None) -> str:
    """Return a name that can be sent, made from `name`, and unique to `source` (or the name)."""
    known = (name if source is None else source).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(known).hexdigest()[:DIGEST]
    room = longest - len(MARK) - DIGEST
    return f"{NOT_TAKEN.sub('_', name)[:room]}{MARK}{digest}"
