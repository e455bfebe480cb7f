"""What adapts an unusual client at the edge, so that the core keeps one clean contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from claude_gateway.types.principals import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came. `target` is path and query, as they stood on the wire.

    Names of `headers` have any case; credentials are not among them.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: `value` is its JSON. Where `body` is not None, it is sent instead."""

    status: int
    value: object
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"


# Asks the gateway something else on behalf of the same caller: method, target, fields of a body.
# It is routed, authorised and answered as if the client had sent it, and never raises for that.
Ask: TypeAlias = Callable[[str, str, Mapping[str, object] | None], Awaitable[Reply]]
# Rewrites whole frames of one stream. What it makes of a frame depends on nothing but that frame,
# its number and the run, so that whoever reads it again later gets the same bytes.
Frames: TypeAlias = Callable[[bytes], bytes]


class Adaptation:
    """One request of a client that was recognised, and its answer.

    `method` and `target` are what is asked instead; that is routed and authorised as if the client
    had sent it. `headers` replace the client's; credentials, Host and Origin cannot be replaced.
    Override what has to be otherwise.
    """

    wants_body = False  # whether it is to be read, though the request was answered without it
    patience: float | None = None  # seconds that a turn may take, once its body was read

    def __init__(self, method: str, target: str, headers: Mapping[str, str] | None = None) -> None:
        self.method = method
        self.target = target
        self.headers = headers or {}

    def fields(
        self, fields: Mapping[str, object], principal: Principal | None
    ) -> Mapping[str, object]:
        """Return the fields of the JSON body; the very same mapping leaves the body untouched.

        `principal` is who asks; None when that is not known, and then nothing will be answered but
        a refusal.
        """
        return fields

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        """Return what the client is given instead of an answer in JSON, refusals included.

        `ask` is for other whole answers that are needed; streams cannot be asked for.
        """
        return reply

    def frames(self, headers: Mapping[str, str]) -> Frames | None:
        """Return what rewrites the frames of a stream; None leaves them alone.

        `headers` are those of the answer; they are complete when the first numbered frame comes.
        """
        return None


class ClientProfile(Protocol):
    """Adapts the requests of one client.

    Its name is that of its offer; the header `x-gateway-profile`, and keys, choose it by that.
    """

    def recognises(self, user_agent: str) -> bool:
        """Whether a client calls itself so. Asked for nearly every request, so it must be quick."""
        ...

    def adapt(self, call: Call) -> Adaptation:
        """Say what is to be done with a request. Raises a GatewayError to refuse it."""
        ...
