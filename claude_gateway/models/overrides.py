"""A table of the operator's own: what it says goes over the table that shipped."""

from __future__ import annotations

from pathlib import Path

from claude_gateway.errors import NotFound, SettingsError
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.models.prices import Factors
from claude_gateway.models.table import Said, read, shipped

NOTHING = Said({}, {}, {})


def load(path: Path, setting: str) -> Said:
    """Read the file, if there is to be one. Raises SettingsError with every mistake in it."""
    if path == Path():
        return NOTHING
    origin = f"{setting}: {path}"
    try:
        source = path.read_text("utf-8")
    except OSError as exc:
        raise SettingsError([f"{origin}: cannot be read ({exc.strerror})"]) from exc
    except UnicodeDecodeError as exc:
        raise SettingsError([f"{origin}: is not UTF-8"]) from exc
    said = read(source, origin)
    models = {model.id for model in shipped().models} | set(said.models)
    hidden = [
        f"{origin}: alias {alias!r}: is a model of that name itself"
        for alias in said.aliases
        if alias in models
    ]
    if hidden:
        raise SettingsError(hidden)
    return said


def aliases(said: Said) -> dict[str, str]:
    """Other names, the operator's over the shipped ones; one that means nothing is gone."""
    merged = {**shipped().aliases, **said.aliases}
    return {alias: target for alias, target in merged.items() if target}


def factors(said: Said) -> Factors:
    """What rates are multiplied by, value by value: the operator's over the shipped ones."""
    known, own = shipped().factors, said.factors
    return {word: {**known.get(word, {}), **own.get(word, {})} for word in {**known, **own}}


def check(said: Said, catalogue: Catalogue, origin: str) -> None:
    """Raise SettingsError for what the file speaks of and no backend serves."""
    targets = {f"alias {alias!r}": target for alias, target in said.aliases.items() if target}
    lost: list[str] = []
    for entry, model_id in [*((id_, id_) for id_ in said.models), *targets.items()]:
        try:
            catalogue.resolve(model_id)
        except NotFound:
            lost.append(f"{origin}: {entry}: no backend serves {model_id!r}")
    if lost:
        raise SettingsError(lost)
