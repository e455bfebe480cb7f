"""What a client profile has to do with one request, as it goes through the handlers."""

from __future__ import annotations

from aiohttp import web

from claude_gateway import sse
from claude_gateway.dialects.fields import parse_object
from claude_gateway.errors import InvalidRequest
from claude_gateway.profiles import Adaptation
from claude_gateway.types.principals import Principal


class Adapted:
    """One request that a profile has changed; `given` is a body that stands for the client's."""

    __slots__ = ("adaptation", "given", "was_read")

    def __init__(self, adaptation: Adaptation, given: bytes | None = None) -> None:
        self.adaptation = adaptation
        self.given = given
        self.was_read = False

    def rewritten(self, body: bytes, principal: Principal | None) -> bytes:
        """Return the body as the profile wants it; what is no object is its reader's to refuse."""
        self.was_read = True
        try:
            fields = parse_object(body)
        except InvalidRequest:
            return body
        changed = self.adaptation.fields(fields, principal)
        return body if changed is fields else sse.compact(changed)


ADAPTED = web.RequestKey("adapted", Adapted)
