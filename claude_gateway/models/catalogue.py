"""From the name a client asked for to a model and the backend that serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TypeAlias

from claude_gateway.backends import Backend
from claude_gateway.errors import NotFound, PluginError
from claude_gateway.models.entries import Fields
from claude_gateway.models.families import guess
from claude_gateway.types.models import ModelInfo

# Backends, and what is known of their models, by id.
Listed: TypeAlias = Sequence[tuple[Backend, Mapping[str, ModelInfo]]]

NO_CHANGES: Mapping[str, Fields] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model that can be called. `remapped_from` is set when the client used another name."""

    model: ModelInfo
    backend: Backend
    remapped_from: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is served at one moment. It is never changed, only replaced as a whole."""

    served: Mapping[str, Resolved]
    claim: Callable[[str], Resolved]


class Catalogue:
    """All models of all backends."""

    def __init__(
        self,
        backends: Iterable[Backend],
        aliases: Mapping[str, str],
        default: str = "",
        changes: Mapping[str, Fields] = NO_CHANGES,
    ) -> None:
        """Raise PluginError when two backends claim one model.

        `default` is served when a request names no model; empty means the first model there is.
        `changes` are fields of models, by id, that the operator knows better, or adds.
        """
        self._backends = tuple(backends)
        self._aliases = aliases
        self._changes = changes
        self._live: Mapping[str, Sequence[ModelInfo]] = {}
        self._now = self._snapshot(self._live)
        self._default = default or next(iter(self._now.served), "")

    @property
    def backends(self) -> Sequence[Backend]:
        """Whose models these are."""
        return self._backends

    @property
    def models(self) -> Sequence[ModelInfo]:
        """Every listed model, in the order of the backends."""
        return [resolved.model for resolved in self._now.served.values()]

    def lists(self, model_id: str) -> bool:
        """Whether the id is one of those listed, and not one that a backend takes all the same."""
        return model_id in self._now.served

    def aliases_of(self, model_id: str) -> list[str]:
        """Other names that mean this model, sorted."""
        return sorted(alias for alias, target in self._aliases.items() if target == model_id)

    def refresh(self, backend: str, models: Sequence[ModelInfo]) -> None:
        """Take over what a backend's upstream lists now; what it does not list stays."""
        live = {**self._live, backend: tuple(models)}
        self._now = self._snapshot(live)
        self._live = live

    def resolve(self, asked: str | None) -> Resolved:
        """Find who serves `asked`: a listed id, another name for one, or one a backend claims.

        Raises NotFound, naming the field and what could be asked instead.
        """
        name = asked or self._default
        now = self._now
        if (served := now.served.get(name)) is not None:
            return served
        target = self._aliases.get(name, name)
        try:
            found = now.served.get(target) or now.claim(target)
        except LookupError:
            raise NotFound(
                f"The model {name[:100]!r} does not exist here. GET /v1/models lists those that "
                "do.",
                code="model_not_found",
                param="model",
            ) from None
        return found if target == name else replace(found, remapped_from=name)

    def _snapshot(self, live: Mapping[str, Sequence[ModelInfo]]) -> Snapshot:
        listed = [(b, _told(b.models, live.get(b.name, ()))) for b in self._backends]
        claim = lru_cache(maxsize=256)(partial(self._claimed, listed))
        served = self._own(listed)
        for backend, told in listed:
            for model in told.values():
                if model.id not in served and model.id not in self._aliases:
                    served[model.id] = self._changed(model, backend)
        for id_ in self._changes:
            if id_ not in served:
                with suppress(LookupError):
                    served[id_] = claim(id_)
        return Snapshot(served, claim)

    def _own(self, listed: Listed) -> dict[str, Resolved]:
        """What every backend has always served, as it is described now."""
        served: dict[str, Resolved] = {}
        for backend, told in listed:
            for model in backend.models:
                if model.id in served:
                    raise PluginError(
                        f"backends {served[model.id].backend.name} and {backend.name} both serve "
                        f"the model {model.id}; block one of their plugins with "
                        "GATEWAY_PLUGINS_BLOCK"
                    )
                served[model.id] = self._changed(told[model.id], backend)
        return served

    def _claimed(self, listed: Listed, name: str) -> Resolved:
        """Ask the backends for an id that nobody listed. Raises LookupError if it is nobody's."""
        for backend, told in listed:
            if backend.serves(name):
                return self._changed(guess(name, tuple(told.values())), backend)
        raise LookupError(name)

    def _changed(self, model: ModelInfo, backend: Backend) -> Resolved:
        fields = self._changes.get(model.id, {})
        return Resolved(replace(model, **fields) if fields else model, backend)  # type: ignore[arg-type]  # judged when read


def _told(known: Sequence[ModelInfo], live: Sequence[ModelInfo]) -> dict[str, ModelInfo]:
    """All models of a backend by id, first those that it always had."""
    told = {model.id: model for model in known}
    for model in live:
        before = told.get(model.id)
        told[model.id] = model if before is None else _merged(before, model)
    return told


def _merged(known: ModelInfo, live: ModelInfo) -> ModelInfo:
    """What upstream says of a model, with what upstream does not say."""
    priced = known if known.prices or known.price else live
    return replace(
        live,
        name=live.name or known.name,
        description=known.description or live.description,
        owned_by=known.owned_by,
        released=live.released or known.released,
        deprecated=live.deprecated or known.deprecated,
        retires=live.retires or known.retires,
        legacy=live.legacy or known.legacy,
        price=priced.price,
        prices=priced.prices,
    )
