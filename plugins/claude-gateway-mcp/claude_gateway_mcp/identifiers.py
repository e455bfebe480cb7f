"""The ids of servers, by which clients choose them: the names in the file, wherever these will do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

FITTING = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LONGEST = 64
MARK = 8  # characters that keep apart what would be called the same


def identified(names: Iterable[str]) -> dict[str, str]:
    """Return an id for each name. One that is made depends on its name alone, so that it stays."""
    names = list(names)
    taken = {name for name in names if FITTING.fullmatch(name)}
    ids: dict[str, str] = {}
    for name in names:
        id_ = name if name in taken else _made(name)
        if id_ in taken and name not in taken:
            id_ = _marked(id_, name)
        taken.add(id_)
        ids[name] = id_
    return ids


def _made(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")
    return plain if plain and len(plain) <= LONGEST else _marked(plain or "server", name)


def _marked(id_: str, name: str) -> str:
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:MARK]
    return f"{id_[: LONGEST - MARK - 1]}-{mark}"
