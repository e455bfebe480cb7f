"""From the name a client asked for to a model and the backend that serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from claude_gateway.errors import NotFound, PluginError
from claude_gateway.interfaces import ModelBackend, ServesUnknown
from claude_gateway.types.models import ModelInfo


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model that can be called. `remapped_from` is set when the client used another name."""

    model: ModelInfo
    backend_name: str
    backend: ModelBackend
    remapped_from: str | None = None


class Catalogue:
    """All models of all backends."""

    def __init__(
        self, backends: Mapping[str, ModelBackend], aliases: Mapping[str, str], default: str = ""
    ) -> None:
        """Raise PluginError when two backends claim one model.

        `default` is served when a request names no model; empty means the first model there is.
        """
        self._backends = dict(backends)
        self._served: dict[str, Resolved] = {}
        for name, backend in backends.items():
            for model in backend.models:
                if model.id in self._served:
                    raise PluginError(
                        f"backends {self._served[model.id].backend_name} and {name} both serve "
                        f"the model {model.id}; block one of their plugins with "
                        "GATEWAY_PLUGINS_BLOCK"
                    )
                self._served[model.id] = Resolved(model, name, backend)
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
            return Resolved(found.model, found.backend_name, found.backend, remapped_from=name)
        for backend_name, backend in self._backends.items():
            if isinstance(backend, ServesUnknown) and backend.serves(name):
                return Resolved(ModelInfo(name), backend_name, backend)
        raise NotFound(
            f"The model {name[:100]!r} does not exist here. GET /v1/models lists those that do.",
            code="model_not_found",
            param="model",
        )
