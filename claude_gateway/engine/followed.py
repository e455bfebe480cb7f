"""Calls of models that somebody follows. Nothing of this is there when nobody does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType

from claude_gateway.engine.booking import code_of
from claude_gateway.engine.breaker import Breakers
from claude_gateway.engine.caller import Caller
from claude_gateway.engine.calls import Asking, Begun, Whole
from claude_gateway.engine.fallback import Alternative
from claude_gateway.engine.following import Following, Together
from claude_gateway.interfaces import Observer
from claude_gateway.types.events import Event, MessageStart
from claude_gateway.types.rawjson import RawJson
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import NOTHING, Usage
from claude_gateway.types.watching import RoundEnd, RoundStart

LONGEST_NUMBER = 30  # characters
NUMBERS = ("max_tokens", "temperature", "top_p", "top_k")


class FollowedCaller(Caller):
    """Tells those who follow of each round, and sends along what they give."""

    def __init__(
        self,
        observers: Sequence[Observer],
        max_retries: int,
        breakers: Breakers,
        following: Following,
    ) -> None:
        super().__init__(observers, max_retries, breakers)
        self._following = following

    async def begin(self, asking: Asking, run: Run) -> Begun:
        """Begin a stream; whoever leaves its `call` ends the round."""
        round_ = _Round(self._following.round(_start(asking, run, stream=True)), run)
        try:
            begun = await super().begin(_carrying(asking, round_.carried), run)
        except BaseException as exc:
            round_.failed(exc)
            raise
        round_.first(begun.head)
        return begun._replace(call=_Call(begun, round_))

    async def at_once(self, asking: Asking, run: Run) -> Whole:
        """Get an answer in one piece, which is a round of its own."""
        round_ = _Round(self._following.round(_start(asking, run, stream=False)), run)
        try:
            whole = await super().at_once(_carrying(asking, round_.carried), run)
        except BaseException as exc:
            round_.failed(exc)
            raise
        round_.answered(whole.answer)
        return whole


class _Round:
    """One round from its beginning to its end."""

    __slots__ = ("_answer_id", "_began", "_first", "_run", "_work")

    def __init__(self, work: Together[RoundEnd], run: Run) -> None:
        self._work = work
        self._run = run
        self._began = time.monotonic()
        self._first: float | None = None
        self._answer_id: str | None = None

    @property
    def carried(self) -> Mapping[str, str]:
        return self._work.carried

    def first(self, head: Sequence[Event]) -> None:
        """Take note that the answer has begun."""
        self._first = time.monotonic() - self._began
        for event in head:
            if isinstance(event, MessageStart):
                self._answer_id = _text(event.message, "id")

    def failed(self, exc: BaseException) -> None:
        """Tell that there was no answer."""
        self._ended(NOTHING, code_of(exc))

    def over(self, exc: BaseException | None) -> None:
        """Tell how a stream ended; what it used is the last in the account."""
        run = self._run
        used = run.rounds[-1] if run.rounds else NOTHING
        if exc is None:
            self._ended(used, None, run.stop_reason, run.served_model)
        else:
            self._ended(used, code_of(exc), served_model=run.served_model)

    def answered(self, answer: Answer) -> None:
        """Tell of an answer in one piece, which is in no account yet."""
        message = answer.message
        self._answer_id = _text(message, "id")
        used = Usage.from_wire(message.get("usage"))
        self._ended(used, None, _text(message, "stop_reason"), _text(message, "model"))

    def _ended(
        self,
        usage: Usage,
        error: str | None,
        stop_reason: str | None = None,
        served_model: str | None = None,
    ) -> None:
        self._work.ended(
            RoundEnd(
                usage,
                time.monotonic() - self._began,
                self._first,
                error,
                stop_reason,
                served_model,
                self._answer_id,
            )
        )


class _Call:
    """A call through a circuit and its round: left together."""

    __slots__ = ("_call", "_round")

    def __init__(self, begun: Begun, round_: _Round) -> None:
        self._call = begun.call
        self._round = round_

    def __enter__(self) -> object:
        return self._call.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._round.over(exc)
        self._call.__exit__(kind, exc, trace)


def _start(asking: Asking, run: Run, *, stream: bool) -> RoundStart:
    request = asking.request
    numbers = {name: _number(request.params.get(name)) for name in NUMBERS}
    return RoundStart(
        run,
        asking.backend.name,
        request.model,
        stream,
        asking.backend.address,
        {name: number for name, number in numbers.items() if number is not None},
    )


def _carrying(asking: Asking, carried: Mapping[str, str]) -> Asking:
    """Return the same, with what goes along; a stand-in's request is made when it is needed."""

    def made(other: Alternative) -> ModelRequest:
        return replace(other.request(), carried=carried)

    return Asking(
        asking.backend,
        replace(asking.request, carried=carried),
        [replace(other, request=partial(made, other)) for other in asking.alternatives],
    )


def _number(value: object) -> float | None:
    if isinstance(value, RawJson) and len(value.text) < LONGEST_NUMBER:  # 0.50, as it was spelled
        value = value.value
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(values: Mapping[str, object], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) else None
