"""A request, with what is asked of it for every answer at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import CIMultiDictProxy

from claude_gateway.web.gateway import GUARDED, Gateway, RouteRule
from claude_gateway.web.signing import SIGNS, sign
from claude_gateway.web.whole import Whole


@dataclass(slots=True)
class Way:
    """Where a request goes. `name` is the template of its route."""

    route: web.AbstractRoute
    handler: Handler
    rule: RouteRule
    name: str


def way_of(match: web.UrlMappingMatchInfo, gateway: Gateway) -> Way:
    """Return the way of a request that has been routed."""
    route = match.route
    resource = route.resource
    name = "unknown" if resource is None else resource.canonical
    return Way(route, match.handler, gateway.rules.get(route, GUARDED), name)


class Incoming(web.Request):
    """A request, which knows its gateway without asking, and what it lacks without an exception.

    What aiohttp has as properties or methods in Python, and is asked many times for each request, are
    attributes here: whoever makes one sets them with `at`.
    """

    ATTRS = web.Request.ATTRS | {"app", "gateway", "get", "headers", "kept", "method", "way"}
    app = cast("web.Application", None)
    headers = cast("CIMultiDictProxy[str]", None)
    method = ""
    gateway = cast("Gateway", None)
    kept: dict[Any, Any]  # what the keys of requests stand for
    way: Way | None = None  # where it goes, if that was found without searching

    def at(self, app: web.Application, gateway: Gateway) -> None:
        """Set what is at hand."""
        self.app, self.gateway, self.kept = app, gateway, self._state
        self.headers, self.method = self._headers, self._method
        # The dictionary's own, in the place of the mapping's that waits for a KeyError.
        self.get: Callable[..., Any] = self._state.get

    def clone(self, **changes: Any) -> Incoming:
        made = super().clone(**changes)
        assert isinstance(made, Incoming)  # noqa: S101  # aiohttp makes one of the same class
        made.at(self.app, self.gateway)
        return made

    def __contains__(self, key: object) -> bool:
        return key in self._state

    @property
    def match_info(self) -> web.UrlMappingMatchInfo:
        """Return what routing has found; of a route without variables only made when somebody asks."""
        if self._match_info is None and self.way is not None:
            self._match_info = web.UrlMappingMatchInfo({}, self.way.route)
            self._match_info.add_app(self.app)
        return super().match_info

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        sign(response, self.signature())

    def answered(self, answer: Whole) -> bytes | None:
        """Return an answer as it is sent; None if aiohttp is to write it."""
        return answer.written(self._message, self.signature)

    def signature(self) -> list[tuple[str, str]]:
        """Return what an answer has on its head, whoever made it."""
        if self._match_info is None and self.way is None:
            return []  # what could not be read; the connection signs its own answers
        signed: list[tuple[str, str]] = []
        for signature in self.app[SIGNS]:
            signed += signature(self)
        return signed
