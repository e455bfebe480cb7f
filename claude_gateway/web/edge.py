"""Where a client profile meets a request: before it is routed, and after it is answered.

What a profile asks instead is routed anew, and authorised on the route that is found then: as if
the client had sent it. No profile can open a route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias

import orjson
from aiohttp import hdrs, web
from multidict import CIMultiDict, istr
from yarl import URL

from claude_gateway import sse
from claude_gateway.errors import GatewayError, InternalError, InvalidRequest
from claude_gateway.profiles import Adaptation, Call, ClientProfile, Reply
from claude_gateway.types.principals import Principal
from claude_gateway.web.adapted import ADAPTED, Adapted
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL, RUN
from claude_gateway.web.relay import whole
from claude_gateway.web.siblings import Elsewhere

HEADER, NOBODY = istr("x-gateway-profile"), "none"
CREDENTIALS = ("authorization", "x-api-key", "cookie", "proxy-authorization")
UNTOUCHABLE = frozenset({*CREDENTIALS, "host", "origin", "content-length", "transfer-encoding"})
OWN = ("content-type", "content-length")  # of an answer's headers: not to be copied
REPEAT = "Idempotency-Key"  # is about what the client asked, and nothing that is asked beside it
LARGEST_PEEK = 2**20
ROUTED = web.RequestKey("routed", web.Request)  # what a profile has asked instead

Respond: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Edge:
    """The profiles of one start. `respond` answers a request that has been routed."""

    def __init__(self, profiles: Mapping[str, ClientProfile]) -> None:
        self._profiles = profiles
        self._all = tuple(profiles.values())

    def named_by(self, request: web.Request) -> ClientProfile | None:
        """Return the profile that a request names, or whose client it seems to be."""
        if not self._all:
            return None
        name = request.headers.get(HEADER)
        if name is not None:
            return None if ADAPTED in request else self._named(name)
        agent = request.headers.get(hdrs.USER_AGENT, "")
        for profile in self._all:
            if profile.recognises(agent):
                return None if ADAPTED in request else profile
        return None

    def of_key(self, request: web.Request, principal: Principal) -> ClientProfile | None:
        """Return the profile of a key's caller, where the request names no other one."""
        if principal.profile is None or ADAPTED in request or HEADER in request.headers:
            return None
        return self._profiles.get(principal.profile)

    async def adapted(
        self, request: web.Request, profile: ClientProfile, respond: Respond
    ) -> web.StreamResponse:
        """Answer what the profile makes of a request, and let it make something of the answer."""
        target = request.raw_path
        if not target.startswith("/"):
            target = request.rel_url.raw_path_qs
        shown = CIMultiDict(request.headers)
        for name in CREDENTIALS:
            shown.popall(name, None)
        adaptation = profile.adapt(Call(request.method, target, shown))
        place = adaptation.method, adaptation.target
        inner = await _rerouted(request, *place, adaptation.headers)
        inner[ADAPTED] = Adapted(adaptation)
        response = await respond(inner)
        _noted(request, inner)
        if type(adaptation).answer is Adaptation.answer:
            return response
        reply = _reply_of(response)
        if reply is None:
            return response
        if adaptation.wants_body and not inner[ADAPTED].was_read:
            await _peek(inner)
        asking = partial(_ask, request, respond)
        said = await adaptation.answer(reply, asking, inner.get(PRINCIPAL))
        return response if said is reply else _response_of(said, response)

    def _named(self, name: str) -> ClientProfile | None:
        if name == NOBODY:
            return None
        found = self._profiles.get(name)
        if found is None:
            raise InvalidRequest(
                f"{HEADER} must be one of {', '.join([*self._profiles, NOBODY])}.",
                code="invalid_header",
                param=HEADER,
            )
        return found


async def _ask(
    request: web.Request,
    respond: Respond,
    method: str,
    target: str,
    fields: Mapping[str, object] | None = None,
) -> Reply:
    """Ask something on behalf of whoever sent `request`."""
    inner = await _rerouted(request, method, target, {}, without=(REPEAT,))
    inner[ADAPTED] = Adapted(
        Adaptation(method, target), b"" if fields is None else sse.compact(fields)
    )
    try:
        reply = _reply_of(await respond(inner))
    except Elsewhere as there:
        reply = _reply_of(await _asked_elsewhere(inner, there.home))
    if reply is None:
        raise InternalError("A client profile has asked for what is no whole answer in JSON.")
    return reply


def _with(headers: Mapping[str, str], name: str, value: str) -> CIMultiDict[str]:
    changed = CIMultiDict(headers)
    changed[name] = value
    return changed


async def _asked_elsewhere(inner: web.Request, home: int) -> web.StreamResponse:
    siblings = inner.app[GATEWAY].siblings
    if siblings is None:
        raise InternalError("There is no other worker.")
    plain = inner.clone(headers=_with(inner.headers, HEADER, NOBODY))
    return await whole(plain, siblings, home, inner[ADAPTED].given)


async def _rerouted(
    request: web.Request,
    method: str,
    target: str,
    headers: Mapping[str, str],
    without: Sequence[str] = (),
) -> web.Request:
    """Return a request for something else by the same caller, routed."""
    if not target.startswith("/") or target.startswith("//"):
        raise InternalError("A client profile has asked for what is no path.")
    given = CIMultiDict(request.headers)
    for name in without:
        given.popall(name, None)
    for name, value in headers.items():
        if name.lower() in UNTOUCHABLE:
            raise InternalError(f"A client profile may not replace the header {name}.")
        given[name] = value
    try:
        inner = request.clone(method=method, rel_url=URL(target, encoded=True), headers=given)
    except UnicodeEncodeError:
        raise InvalidRequest("A header is not text in UTF-8.", code="invalid_header") from None
    found = await request.app.router.resolve(inner)
    found.add_app(request.app)
    found.freeze()
    inner._match_info = found  # noqa: SLF001  # as aiohttp itself does it
    return inner


def _noted(request: web.Request, inner: web.Request) -> None:
    """Let the request as it came know what became of it: for its log line, and its headers."""
    request[ROUTED] = inner
    if PRINCIPAL in inner:
        request[PRINCIPAL] = inner[PRINCIPAL]
    if RUN in inner:
        request[RUN] = inner[RUN]


async def _peek(request: web.Request) -> None:
    """Read the body of a request that was refused before it was read, if it is a small one."""
    if 0 < (request.content_length or 0) <= LARGEST_PEEK:
        with suppress(GatewayError):
            await read_json_body(request)


def _reply_of(response: web.StreamResponse) -> Reply | None:
    """Return what a whole answer says; None when it is no JSON, or on its way already."""
    if not isinstance(response, web.Response) or response.prepared:
        return None
    body = response.body
    if not body:
        return Reply(response.status, None, response.headers)
    if response.content_type != "application/json" or not isinstance(body, bytes | bytearray):
        return None
    return Reply(response.status, orjson.loads(body), response.headers)


def _response_of(reply: Reply, instead_of: web.Response | web.StreamResponse) -> web.Response:
    headers = {name: value for name, value in instead_of.headers.items() if name.lower() not in OWN}
    body = sse.compact(reply.value) if reply.body is None else reply.body
    if reply.headers is not instead_of.headers:
        headers |= {n: v for n, v in reply.headers.items() if n.lower() not in OWN}
    response = web.Response(
        body=body,
        status=reply.status,
        headers={**headers, "Content-Type": reply.content_type},
    )
    if instead_of.keep_alive is False:
        response.force_close()
    return response
