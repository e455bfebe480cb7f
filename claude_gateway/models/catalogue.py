"""From the name a client asked for to a model and the backend that serves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from claude_gateway.backends import Backend
from claude_gateway.errors import NotFound, PluginError
from claude_gateway.models.families import guess
from claude_gateway.types.models import ModelInfo


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model that can be called. `remapped_from` is set when the client used another name."""

    model: ModelInfo
    backend: Backend
    remapped_from: str | None = None


class Catalogue:
    """All models of all backends."""

    def __init__(
        self, backends: Iterable[Backend], aliases: Mapping[str, str], default: str = ""
    ) -> None:
        """Raise PluginError when two backends claim one model.

        `default` is served when a request names no model; empty means the first model there is.
        """
        self._backends = tuple(backends)
        self._served: dict[str, Resolved] = {}
        for backend in self._backends:
            for model in backend.models:
                if model.id in self._served:
                    raise PluginError(
                        f"backends {self._served[model.id].backend.name} and {backend.name} both serve "
                        f"the model {model.id}; block one of their plugins with "
                        "GATEWAY_PLUGINS_BLOCK"
                    )
                self._served[model.id] = Resolved(model, backend)
        self._aliases = {alias: to for alias, to in aliases.items() if to in self._served}
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
        target = self._aliases.get(name)
        if target is not None:
            found = self._served[target]
            return Resolved(found.model, found.backend, remapped_from=name)
        return self._claimed(name)

    @lru_cache(maxsize=256)  # noqa: B019  # there is one catalogue, and it lives as long as the process
    def _claimed(self, name: str) -> Resolved:
        """Ask the backends for an id that nobody listed."""
        for backend in self._backends:
            if backend.serves(name):
                return Resolved(guess(name, backend.models), backend)
        raise NotFound(
            f"The model {name[:100]!r} does not exist here. GET /v1/models lists those that do.",
            code="model_not_found",
            param="model",
        )
