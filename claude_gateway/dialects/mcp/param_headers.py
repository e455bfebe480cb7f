"""Arguments that a tool wants in headers as well, by `x-mcp-header` in its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MARK = "x-mcp-header"
PREFIX = "Mcp-Param-"
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
KINDS = ("string", "integer", "boolean")


@dataclass(frozen=True, slots=True)
class Param:
    """One argument, found by its path through the properties, and its header."""

    path: tuple[str, ...]
    token: str
    kind: str

    @property
    def header(self) -> str:
        """The header's name."""
        return PREFIX + self.token

    @property
    def name(self) -> str:
        """The argument's name for people."""
        return ".".join(self.path)

    def value_in(self, arguments: Mapping[str, object]) -> object:
        """Return the argument; None when it is absent."""
        value: object = arguments
        for key in self.path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def params_of(schema: Mapping[str, object]) -> list[Param]:
    """Return the arguments that are marked; none of a schema whose marks are not as they must be.

    Clients leave a tool out that is marked wrongly, and send no header.
    """
    found = [*_marked(schema, ())]
    tokens = {param.token.lower() for param in found if _fine(param)}
    if len(tokens) != len(found) or _count(schema) != len(found):
        return []
    return found


def said(value: object) -> str | None:
    """Write an argument as it stands in a header; None when it cannot."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        return None
    return str(value)


def _fine(param: Param) -> bool:
    return bool(param.path) and param.kind in KINDS and TOKEN.fullmatch(param.token) is not None


def _marked(schema: Mapping[str, object], path: tuple[str, ...]) -> Iterator[Param]:
    token, kind = schema.get(MARK), schema.get("type")
    if isinstance(token, str):
        yield Param(path, token, kind if isinstance(kind, str) else "")
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        if isinstance(inner, Mapping):
            yield from _marked(inner, (*path, name))


def _count(value: object) -> int:
    """Count marks, wherever they stand."""
    if isinstance(value, Mapping):
        return (MARK in value) + sum(map(_count, value.values()))
    return sum(map(_count, value)) if isinstance(value, list) else 0
