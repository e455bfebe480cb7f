"""The table of models that ships with the gateway."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from claude_gateway.types.models import ModelInfo, Price


@dataclass(frozen=True, slots=True)
class Table:
    """Models in the order in which they should be offered, and other names for them."""

    models: tuple[ModelInfo, ...]
    aliases: dict[str, str]


@cache
def shipped() -> Table:
    """Read the table that came with this version."""
    return parse(files("claude_gateway.models").joinpath("table.toml").read_text("utf-8"))


def shipped_models() -> tuple[ModelInfo, ...]:
    """The Claude models known to this version, best default first."""
    return shipped().models


def parse(source: str) -> Table:
    """Read a table in TOML. Raises ValueError for an alias of a model that is not in it."""
    raw = tomllib.loads(source)
    models = tuple(
        ModelInfo(**{**entry, "price": Price(**entry["price"]) if "price" in entry else None})
        for entry in raw.get("models", ())
    )
    known = {model.id for model in models}
    aliases = dict(raw.get("aliases", {}))
    for alias, target in aliases.items():
        if target not in known:
            raise ValueError(f"alias {alias!r} means {target!r}, which is not in the table")
    return Table(models, aliases)
