"""Tables of models: the one that ships with the gateway, and their format."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from claude_gateway.errors import SettingsError
from claude_gateway.models.entries import Fields, read_entry
from claude_gateway.models.prices import Factors, read_factors
from claude_gateway.types.models import ModelInfo


@dataclass(frozen=True, slots=True)
class Said:
    """What a table says, before anything is made of it: fields of models by id, other names."""

    models: Mapping[str, Fields]
    aliases: Mapping[str, str]
    factors: Factors


@dataclass(frozen=True, slots=True)
class Table:
    """Models in the order in which they should be offered, and other names for them."""

    models: tuple[ModelInfo, ...]
    aliases: Mapping[str, str]
    factors: Factors


@cache
def shipped() -> Table:
    """Read the table that came with this version."""
    return parse(files("claude_gateway.models").joinpath("table.toml").read_text("utf-8"))


def shipped_models() -> tuple[ModelInfo, ...]:
    """The Claude models known to this version, best default first."""
    return shipped().models


def parse(source: str) -> Table:
    """Read a table that stands alone. Raises SettingsError with every mistake."""
    said = read(source, "table")
    models = tuple(ModelInfo(id_, **fields) for id_, fields in said.models.items())  # type: ignore[arg-type]  # read_entry judged them
    lost = [
        f"table: alias {alias!r} means {target!r}, which is not in the table"
        for alias, target in said.aliases.items()
        if target not in said.models
    ]
    if lost:
        raise SettingsError(lost)
    return Table(models, said.aliases, said.factors)


def read(source: str, origin: str) -> Said:
    """Read a table in TOML. Raises SettingsError with every mistake, each with its place."""
    try:
        raw = tomllib.loads(source)
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError([f"{origin}: is not TOML: {exc}"]) from exc
    mistakes = [
        f"{origin}: {key}: there is no such part"
        for key in raw
        if key not in ("aliases", "factors", "models")
    ]
    said = Said(
        _models(raw.get("models", []), origin, mistakes),
        _aliases(raw.get("aliases", {}), origin, mistakes),
        read_factors(raw.get("factors", {}), lambda wrong: mistakes.append(f"{origin}: {wrong}")),
    )
    if mistakes:
        raise SettingsError(mistakes)
    return said


def _models(raw: object, origin: str, mistakes: list[str]) -> dict[str, Fields]:
    found: dict[str, Fields] = {}
    if not isinstance(raw, list):
        mistakes.append(f"{origin}: models: wants [[models]]")
        return found
    for at, entry in enumerate(raw):
        id_ = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(id_, str) or not id_:
            mistakes.append(f"{origin}: models[{at}]: has no id")
            continue
        if id_ in found:
            mistakes.append(f"{origin}: {id_}: is there twice")
        wrong: list[str] = []
        found[id_] = read_entry(entry, wrong.append)
        mistakes += [f"{origin}: {id_}: {mistake}" for mistake in wrong]
    return found


def _aliases(raw: object, origin: str, mistakes: list[str]) -> dict[str, str]:
    if not isinstance(raw, dict):
        mistakes.append(f"{origin}: aliases: wants [aliases]")
        return {}
    mistakes += [
        f"{origin}: alias {alias!r}: wants the id of a model"
        for alias, target in raw.items()
        if not isinstance(target, str)
    ]
    return {alias: target for alias, target in raw.items() if isinstance(target, str)}
