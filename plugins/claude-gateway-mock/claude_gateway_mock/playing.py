"""From steps to events. Nothing in here waits: where time should pass, it says so."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from claude_gateway import (
    Accepted,
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    ModelRequest,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from claude_gateway_mock.failures import cut_off, failure
from claude_gateway_mock.prompts import compact, prompt_tokens
from claude_gateway_mock.scripts import Turn
from claude_gateway_mock.steps import (
    CallTool,
    Charge,
    Cut,
    Fail,
    Pace,
    Say,
    SayPing,
    Show,
    Stall,
    Step,
    StopWith,
    Think,
)

_WORD = re.compile(r"\S{1,32}\s*|\s+")


@dataclass(frozen=True, slots=True)
class Pause:
    """Time passes. A paced pause is there for looks, and an answer in one piece leaves it out."""

    seconds: float
    paced: bool = True


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds before the first delta of a message, and between the others."""

    first: float = 0.0
    between: float = 0.0


Beat: TypeAlias = Event | Pause


def play(request: ModelRequest, turn: Turn, tempo: Tempo) -> Generator[Beat]:
    """Play a turn as one message. Raises the GatewayError that a step asks for."""
    message = _Message(request, turn, tempo)
    for step in turn:
        yield from message.play(step)
    yield from message.end()


def words(text: str) -> list[str]:
    """Split text into pieces that are about a word long and make the same text again."""
    return _WORD.findall(text)


class _Message:
    """One message while it is being said."""

    def __init__(self, request: ModelRequest, turn: Turn, tempo: Tempo) -> None:
        self._request = request
        digest = hashlib.sha256(compact([request.model, request.params]).encode("utf-8", "replace"))
        self._hash = digest.hexdigest()[:24]
        self._first_pause = tempo.first
        self._pause = tempo.between
        self._charged = _charged(turn)
        self._usage = {
            "input_tokens": prompt_tokens(request),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        }
        self._stop = _stop(turn)
        self._begun = False
        self._open_text = False
        self._index = -1
        self._spoken = False
        self._characters = 0

    def play(self, step: Step) -> Iterator[Beat]:  # noqa: C901  # one case for each kind of step
        match step:
            case Say():
                yield from self._say(step)
            case Think():
                yield from self._think(step)
            case CallTool():
                yield from self._call(step)
            case Show(block):
                yield from self._open(block)
                yield BlockStop(self._index)
            case SayPing():
                yield from self._begin()
                yield Ping()
            case Stall(seconds):
                yield Pause(seconds, paced=False)
            case Pace(seconds):
                self._pause = seconds
            case Fail(status, message, retry_after):
                raise failure(status, message, retry_after)
            case Cut():
                raise cut_off()
            case Charge() | StopWith():
                pass  # read before the message began

    def end(self) -> Iterator[Beat]:
        yield from self._begin()
        yield from self._close()
        stop = self._stop
        delta: dict[str, object] = {"stop_reason": stop.reason, "stop_sequence": stop.sequence}
        if stop.details is not None:
            delta["stop_details"] = stop.details
        output = {"output_tokens": max(1, -(-self._characters // 4))}
        yield MessageDelta(delta, {**self._usage, **output, **self._charged})
        yield MessageStop()

    def _begin(self) -> Iterator[Beat]:
        if self._begun:
            return
        self._begun = True
        yield Accepted()
        output = {"output_tokens": 0 if self._charged.get("output_tokens") == 0 else 1}
        yield MessageStart(
            {
                "id": f"msg_mock_{self._hash}",
                "type": "message",
                "role": "assistant",
                "model": self._request.model,
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {**self._usage, **self._charged, **output},
            }
        )

    def _open(self, block: Mapping[str, object]) -> Iterator[Beat]:
        yield from self._begin()
        yield from self._close()
        self._index += 1
        yield BlockStart(self._index, block)

    def _close(self) -> Iterator[Beat]:
        if self._open_text:
            self._open_text = False
            yield BlockStop(self._index)

    def _say(self, step: Say) -> Iterator[Beat]:
        if not self._open_text:
            yield from self._open({"type": "text", "text": ""})
            self._open_text = True
        pieces = words(step.text) if step.times is None else (step.text for _ in range(step.times))
        for piece in pieces:
            yield from self._wait()
            self._characters += len(piece)
            yield TextDelta(self._index, piece)

    def _think(self, step: Think) -> Iterator[Beat]:
        yield from self._open({"type": "thinking", "thinking": "", "signature": ""})
        for piece in words(step.text):
            yield from self._wait()
            self._characters += len(piece)
            yield ThinkingDelta(self._index, piece)
        yield SignatureDelta(self._index, step.signature)
        yield BlockStop(self._index)

    def _call(self, step: CallTool) -> Iterator[Beat]:
        called_with = compact(step.input) if step.input else ""
        id_ = step.id or f"toolu_mock_{self._hash}_{self._index + 1}"
        yield from self._open({"type": "tool_use", "id": id_, "name": step.name, "input": {}})
        self._characters += len(step.name) + len(called_with)
        for piece in words(called_with) or [""]:
            yield InputDelta(self._index, piece)
        yield BlockStop(self._index)

    def _wait(self) -> Iterator[Beat]:
        pause = self._pause if self._spoken else self._first_pause
        self._spoken = True
        if pause > 0:
            yield Pause(pause)


def _charged(turn: Turn) -> dict[str, object]:
    charged: dict[str, object] = {}
    for step in turn:
        if isinstance(step, Charge):
            charged |= step.usage
    return charged


def _stop(turn: Turn) -> StopWith:
    told = [step for step in turn if isinstance(step, StopWith)]
    if told:
        return told[-1]
    return StopWith("tool_use" if any(isinstance(s, CallTool) for s in turn) else "end_turn")
