"""Requests for things that are kept, and their answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from claude_gateway import Adaptation, Ask, Call, Principal, Reply
from claude_gateway_ios import shapes
from claude_gateway_ios.paths import Place
from claude_gateway_ios.shapes import Shape, bare, enveloped
from claude_gateway_ios.spelling import SESSION, renamed

Names = Mapping[str, str]
MOST = 1000  # what the gateway lists at a time; the app never asks for the rest
FAILED = 300
# What an automatic second try of the app repeats: the very same UUID.
UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
REPEAT = "Idempotency-Key"


def repeats(call: Call) -> dict[str, str]:
    """Return the header by which a request is known when the app sends it again."""
    name = call.headers.get("X-Request-ID", "")
    if call.method != "POST" or REPEAT in call.headers or not UUID.fullmatch(name):
        return {}
    return {REPEAT: name}


class Shaped(Adaptation):
    """Fields under other names, and an answer in another shape. Refusals stay as they are."""

    def __init__(self, call: Call, place: Place, shape: Shape, names: Names | None = None) -> None:
        super().__init__(call.method, place.target, repeats(call))
        self._shape = shape
        self._names = names

    def fields(
        self, fields: Mapping[str, object], principal: Principal | None
    ) -> Mapping[str, object]:
        return fields if self._names is None else renamed(fields, self._names)

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        if reply.status >= FAILED or reply.value is None:
            return reply
        return replace(reply, value=self._shape(as_object(reply)))


class NewSession(Shaped):
    """A session, perhaps of a project that is not there yet."""

    def __init__(self, call: Call, place: Place) -> None:
        super().__init__(call, place, shapes.session, SESSION)

    def fields(
        self, fields: Mapping[str, object], principal: Principal | None
    ) -> Mapping[str, object]:
        return {"create_project": True, **super().fields(fields, principal)}


class List(Shaped):
    """A list: all there is, as an array by itself unless an object is asked for."""

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        said = await super().answer(reply, ask, principal)
        return said if said is reply else replace(said, headers={"Vary": "User-Agent"})


def shaped(shape: Shape) -> Callable[[Call, Place], Adaptation]:
    """Adapt the answer alone."""
    return lambda call, place: Shaped(call, place, shape)


def changing(shape: Shape, names: Names) -> Callable[[Call, Place], Adaptation]:
    """Adapt what is sent, and the answer."""
    return lambda call, place: Shaped(call, place, shape, names)


def listing(
    name: str, item: Shape, whole: Shape | None = None
) -> Callable[[Call, Place], Adaptation]:
    """Adapt a list; `whole` is its shape where the app wants an object all the same."""

    def make(call: Call, place: Place) -> Adaptation:
        if whole is not None and not place.bare:
            return Shaped(call, place, whole)
        shape = enveloped(name, item) if place.value("shape") == "envelope" else bare(name, item)
        limit = place.value("limit")
        if whole is None and (not limit or (limit.isdigit() and int(limit[:9]) > MOST)):
            place = place.with_value("limit", str(MOST))
        return List(call, place, shape)

    return make


def deleting(call: Call, place: Place) -> Adaptation:
    """Adapt a deletion: the answer has a body."""
    adaptation = Shaped(call, place, shapes.deleted)
    adaptation.headers = {**adaptation.headers, "Accept": "application/json"}
    return adaptation


def counting(call: Call, place: Place) -> Adaptation:
    """Adapt a question for one session's figures, which the session itself has."""
    session = Place(place.path.removesuffix("/stats"), place.query)
    return Shaped(call, session, shapes.session_counts)


def as_object(reply: Reply) -> Mapping[str, Any]:
    """Return an answer of the gateway's, which is always an object."""
    return reply.value if isinstance(reply.value, dict) else {}
