"""Names of tools that upstream does not take, and the way back.

The name sent depends on the client's name alone: the other tools of a request do not change it, so
a prefix that is cached stays the same when a tool comes or goes. A name that looks as if it had
been made here is made anew; so no client's name can be taken for another's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
NOT_TAKEN = re.compile(r"[^a-zA-Z0-9_-]+")
MARK, DIGEST = "-x", 20
MADE = re.compile(rf".*{MARK}[0-9a-f]{{{DIGEST}}}", re.DOTALL)
ROOM = 128 - len(MARK) - DIGEST


def upstream_name(name: str) -> str:
    """Return the name itself, or one made from it when upstream would not take it."""
    if NAME.fullmatch(name) and not (MARK in name and MADE.fullmatch(name)):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{NOT_TAKEN.sub('_', name)[:ROOM]}{MARK}{digest[:DIGEST]}"


def renamed(names: Iterable[str]) -> dict[str, str]:
    """Return the client's names by upstream's, of those that differ: none, nearly always."""
    return {sent: name for name in names if (sent := upstream_name(name)) != name}


def client_name(call: Mapping[str, object], names: Mapping[str, str]) -> object:
    """Return the name of a call's tool as the client knows it; `names` are those of `renamed`."""
    name = call.get("name")
    return names.get(name, name) if isinstance(name, str) else name
