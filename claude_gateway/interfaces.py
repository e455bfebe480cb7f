"""What a plugin implements.

Protocols where the core asks, a base class with empty methods where it tells. An optional ability
is a Protocol of its own: the core looks for it once, when the offer is opened, and never again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from claude_gateway.errors import GatewayError
from claude_gateway.types.events import Event
from claude_gateway.types.health import Health
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.principals import Credential, Principal, Scope
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import Usage
from claude_gateway.types.watching import (
    BudgetNews,
    RequestEnd,
    RequestStart,
    RoundEnd,
    RoundStart,
    Standing,
    StreamEnd,
    ToolEnd,
    ToolStart,
)

T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Offer(Generic[T_co]):
    """Something a plugin can provide, not yet opened.

    `open` returns an async context manager that lasts as long as the gateway serves; whatever it
    yields is used in between. Listing plugins opens nothing. `patience` is how many seconds opening
    may take; None is the half minute that everybody gets.
    """

    name: str
    open: Callable[[], AbstractAsyncContextManager[T_co]]
    patience: float | None = None


class ModelBackend(Protocol):
    """Serves models."""

    @property
    def models(self) -> Sequence[ModelInfo]:
        """The models it serves. An id belongs to one backend; a clash stops the start."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        """Answer, event by event, in the order that `claude_gateway.types.events` gives.

        Raises a GatewayError when it cannot: before the first event it may be tried again, after
        it the client is told. The generator is closed when the client leaves; it must let go of
        its upstream within a second of that.
        """
        ...


@runtime_checkable
class StreamsBatches(Protocol):
    """A backend that hands over all events that arrived together, which saves a write each."""

    def stream_batches(self, request: ModelRequest) -> AsyncGenerator[Sequence[Event]]:
        """As `stream`, in batches that are never empty and never waited for."""
        ...


@runtime_checkable
class Completes(Protocol):
    """A backend that can answer in one piece. Otherwise the gateway folds the stream."""

    async def complete(self, request: ModelRequest) -> Answer:
        """Answer as one message."""
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """A backend that can count a prompt before it is sent."""

    async def count_tokens(self, request: ModelRequest) -> Answer:
        """Return `{"input_tokens": n}` and whatever else upstream says."""
        ...


@runtime_checkable
class ServesUnknown(Protocol):
    """A backend that takes models of which the gateway has not heard yet."""

    def serves(self, model_id: str) -> bool:
        """Whether an unlisted id is this backend's."""
        ...


@runtime_checkable
class ListsModels(Protocol):
    """A backend that can ask its upstream which models there are, and what they can do."""

    async def list_models(self) -> Sequence[ModelInfo]:
        """Look; called in the background, now and then, and replaces what was said before.

        Limits and abilities count as they are. A description, prices and days that are known
        already stay. One that fails changes nothing.
        """
        ...


@runtime_checkable
class ReportsHealth(Protocol):
    """A backend that knows whether its upstream can be reached."""

    async def check_health(self) -> Health:
        """Look; called in the background, so it may take seconds."""
        ...


@runtime_checkable
class HasAddress(Protocol):
    """A backend that can say where its upstream is."""

    @property
    def address(self) -> str:
        """The URL of its upstream, for those who watch."""
        ...


class Authenticator(Protocol):
    """Recognises callers."""

    async def authenticate(self, credential: Credential) -> Principal | None:
        """Return who it is, or None for "not a credential of mine".

        Raises Unauthorized for "mine, but wrong": nobody else is asked then.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shared:
    """What workers have told for one answer: `own` is of the one that answers, empty where it is alone.

    `others` are those that live; `gone` is the last that each told anybody of those that have died.
    """

    own: bytes = b""
    others: Sequence[bytes] = ()
    gone: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class PluginRoute:
    """An endpoint of a plugin's own: GET also answers HEAD.

    `handler` takes aiohttp's request and returns its response. Only callers with a credential reach
    it, unless it is `public`; it is behind everything that guards the gateway's own routes. `scope`
    is what their key must have; None is `read` or `chat` for GET, and `chat` for the others. A route
    that shows what one worker cannot know alone has `shares`, which says what this one knows; its
    handler is given a `Shared` as well. `operation` is what the description of the API has of it beside
    the handler's docstring: fields of an OpenAPI operation, such as `responses`.
    """

    method: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    public: bool = False
    shares: Callable[[], bytes] | None = None
    scope: Scope | None = None
    operation: Mapping[str, object] | None = None


Routes: TypeAlias = Sequence[PluginRoute]


class HealthCheck(Protocol):
    """One line of `/health`; the offer's name is the line's name."""

    async def check(self) -> Health:
        """Look; called in the background, never while a request waits."""
        ...


class Observer:
    """Is told what happens. Override what you need; methods added later do nothing by themselves.

    A method that raises is logged and counted, never fatal; it runs in the request's own time, so
    it must not wait for anything.
    """

    def can_look(self, look: Callable[[], Standing]) -> None:
        """Called once, before the first request: `look` says how things stand whenever you call it.

        It waits for nothing, but walks over all that lives: call it when somebody asks, not for each event.
        """

    def run_started(self, run: Run) -> None:
        """Called when a run was accepted, before upstream is asked."""

    def first_token(self, run: Run) -> None:
        """Called when the first piece of the answer arrived."""

    def round_ended(self, run: Run, usage: Usage) -> None:
        """Called when one call of the model is over, well or not; most runs have only one.

        `usage` is what this call used: the last of `run.rounds`. A call that brought no answer at
        all was no round.
        """

    def run_ended(self, run: Run) -> None:
        """Called when the run is over, well or not; `run.error` is the code if it failed.

        A run that waits for approvals is over as well, with `run.parked` set. When it goes on it starts
        again, with the account that it had.
        """

    def upstream_retried(self, run: Run, error: GatewayError) -> None:
        """Called when a call failed with `error` and will be made again, before the wait."""

    def fell_back(self, run: Run) -> None:
        """Called when another model answers instead: `run.fallback`, of `run.served_backend`."""

    def breaker_changed(self, backend: str, state: str) -> None:
        """Called when a backend's circuit became `open`, `half-open` or `closed`."""

    def budget_told(self, news: BudgetNews) -> None:
        """Called when a budget warns about a call of a model, or refuses it."""

    def request_ended(self, request: RequestEnd) -> None:
        """Called when an HTTP request is over, whatever it was."""

    def stream_ended(self, stream: StreamEnd) -> None:
        """Called when a stream of events is over on a connection; its run may go on."""

    def tool_ended(self, call: ToolEnd) -> None:
        """Called when a call of a tool that the gateway runs is over, well or not."""

    def sessions_counted(self, active: int) -> None:
        """Called now and then, and soon after a change, with the number of active sessions."""

    def session_ended(self, seconds: float) -> None:
        """Called when a session is ended or deleted; `seconds` is how long it was there."""


class Followed(Protocol[T_contra]):
    """One piece of work that somebody follows."""

    @property
    def carried(self) -> Mapping[str, str]:
        """What goes along with the work: headers to a model's service, `_meta` to a tool server.

        Names are those of W3C's trace context (`traceparent`, `tracestate`); values are visible ASCII.
        """
        ...

    def ended(self, end: T_contra) -> None:
        """Called once when it is over, well or not, in the task that it began in."""


@runtime_checkable
class Follows(Protocol):
    """An observer that follows work from where it begins, as traces do. All three, or none.

    The gateway looks for it once, when the observer is opened. What a method returns is told of the
    end. Work is done in the context (`contextvars`) of the request that asked for it, and so are the
    methods called: what `request_began` sets is there in the others, also when a run outlives its
    request. Like an observer's, they must not wait, and one that raises is logged.
    """

    def request_began(self, request: RequestStart) -> Followed[RequestEnd]:
        """Called when an HTTP request has been read as far as its headers."""
        ...

    def round_began(self, call: RoundStart) -> Followed[RoundEnd]:
        """Called before a model is called; further attempts belong to the same round."""
        ...

    def tool_began(self, call: ToolStart) -> Followed[ToolEnd]:
        """Called before a tool is called that the gateway runs."""
        ...
