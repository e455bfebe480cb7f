"""From the name a client asked for to a model and the backend that serves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from claude_gateway.backends import Backend
from claude_gateway.errors import NotFound, PluginError
from claude_gateway.models.entries import Fields
from claude_gateway.models.families import guess
from claude_gateway.types.models import ModelInfo

NO_CHANGES: Mapping[str, Fields] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model that can be called. `remapped_from` is set when the client used another name."""

    model: ModelInfo
    backend: Backend
    remapped_from: str | None = None


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
        self._claim = lru_cache(maxsize=256)(self._asked_for)
        self._served = self._all_served()
        self._default = default or next(iter(self._served), "")

    @property
    def models(self) -> Sequence[ModelInfo]:
        """Every listed model, in the order of the backends."""
        return [resolved.model for resolved in self._served.values()]

    def aliases_of(self, model_id: str) -> list[str]:
        """Other names that mean this model, sorted."""
        return sorted(alias for alias, target in self._aliases.items() if target == model_id)

    def resolve(self, asked: str | None) -> Resolved:
        """Find who serves `asked`: a listed id, another name for one, or one a backend claims.

        Raises NotFound, naming the field and what could be asked instead.
        """
        name = asked or self._default
        if (served := self._served.get(name)) is not None:
            return served
        target = self._aliases.get(name, name)
        try:
            found = self._served.get(target) or self._claim(target)
        except LookupError:
            raise NotFound(
                f"The model {name[:100]!r} does not exist here. GET /v1/models lists those that "
                "do.",
                code="model_not_found",
                param="model",
            ) from None
        return found if target == name else replace(found, remapped_from=name)

    def _all_served(self) -> Mapping[str, Resolved]:
        served: dict[str, Resolved] = {}
        for backend in self._backends:
            for model in backend.models:
                if model.id in served:
                    raise PluginError(
                        f"backends {served[model.id].backend.name} and {backend.name} both serve "
                        f"the model {model.id}; block one of their plugins with "
                        "GATEWAY_PLUGINS_BLOCK"
                    )
                served[model.id] = self._changed(model, backend)
        for id_ in self._changes:
            if id_ not in served:
                with suppress(LookupError):
                    served[id_] = self._asked_for(id_)
        return served

    def _asked_for(self, name: str) -> Resolved:
        """Ask the backends for an id that nobody listed. Raises LookupError if it is nobody's."""
        for backend in self._backends:
            if backend.serves(name):
                return self._changed(guess(name, backend.models), backend)
        raise LookupError(name)

    def _changed(self, model: ModelInfo, backend: Backend) -> Resolved:
        fields = self._changes.get(model.id, {})
        return Resolved(replace(model, **fields) if fields else model, backend)  # type: ignore[arg-type]  # judged when read
