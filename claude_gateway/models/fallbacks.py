"""Which models answer when another one's upstream fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway.errors import NotFound, SettingsError
from claude_gateway.models.catalogue import Catalogue, Resolved

ANY = "*"


class Fallbacks:
    """For each model that was asked for, those to ask instead, in order."""

    def __init__(
        self, chains: Sequence[tuple[str, Sequence[str]]], catalogue: Catalogue, setting: str
    ) -> None:
        """Raise SettingsError with every mistake; `setting` is the name to blame.

        Only listed models and their other names are known: a typing error must not be found on
        the day when the chain is needed.
        """
        self._mistakes: list[str] = []
        self._listed = {model.id for model in catalogue.models}
        found: dict[str, Sequence[str]] = {}
        for asked, others in chains:
            name = asked if asked == ANY else self._known(catalogue, asked)
            targets = [self._known(catalogue, other) for other in others]
            if name in found:
                self._mistakes.append(f"{asked} has two chains")
            if name in targets:
                self._mistakes.append(f"{asked} falls back to itself")
            if name and all(targets):
                found[name] = targets
        if self._mistakes:
            raise SettingsError([f"{setting}: {mistake}" for mistake in self._mistakes])
        self._chains: Mapping[str, Sequence[str]] = found
        self._catalogue = catalogue

    def after(self, model_id: str) -> Sequence[Resolved]:
        """Return whom to ask when `model_id` does not answer; nearly always nobody."""
        chain = self._chains.get(model_id) or self._chains.get(ANY, ())
        return [self._catalogue.resolve(other) for other in chain if other != model_id]

    def _known(self, catalogue: Catalogue, name: str) -> str:
        try:
            model_id = catalogue.resolve(name).model.id
        except NotFound:
            model_id = ""
        if model_id not in self._listed:
            self._mistakes.append(f"there is no model {name!r} here")
            return ""
        return model_id
