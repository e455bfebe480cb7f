"""Names of tools that upstream does not take, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from claude_gateway.naming import fits, made_name


def upstream_name(name: str) -> str:
    """Return the name itself, or one made from it when upstream would not take it."""
    return name if fits(name) else made_name(name)


def renamed(names: Iterable[str]) -> dict[str, str]:
    """Return the client's names by upstream's, of those that differ: none, nearly always."""
    return {sent: name for name in names if (sent := upstream_name(name)) != name}


def client_name(call: Mapping[str, object], names: Mapping[str, str]) -> object:
    """Return the name of a call's tool as the client knows it; `names` are those of `renamed`."""
    name = call.get("name")
    return names.get(name, name) if isinstance(name, str) else name
