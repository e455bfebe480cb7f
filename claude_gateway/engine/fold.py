"""Fold a stream of events into the message that upstream would have sent in one piece."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from claude_gateway.engine.tally import counted
from claude_gateway.errors import UpstreamError
from claude_gateway.types.events import (
    Accepted,
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    OtherEvent,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from claude_gateway.types.rawjson import RawJson
from claude_gateway.types.requests import Answer


class Fold:
    """Add every event, then ask for the answer.

    `exact` is whether the blocks are what upstream has, so that it will know them again: a delta of
    a kind that this version does not know belongs into its block in a way that nobody can guess.
    """

    def __init__(self) -> None:
        self.exact = True
        self._headers: Mapping[str, str] = {}
        self._message: dict[str, object] = {}
        self._blocks: dict[int, dict[str, object]] = {}
        self._pieces: dict[int, dict[str, list[str]]] = {}
        self._complete = False

    def add(self, event: Event) -> None:  # noqa: C901  # one arm for each kind of event
        """Take one event into account."""
        match event:
            case TextDelta():
                self._append(event.index, "text", event.text)
            case ThinkingDelta(index, text):
                self._append(index, "thinking", text)
            case SignatureDelta(index, signature):
                self._append(index, "signature", signature)
            case InputDelta(index, partial):
                self._append(index, "input", partial)
            case BlockStart(index, block):
                self._blocks[index] = dict(block)
            case OtherDelta(index, delta):
                self._other(index, delta)
            case MessageStart(message):
                self._message = dict(message)
            case MessageDelta(delta, usage):
                self._end(delta, usage)
            case MessageStop():
                self._complete = True
            case Accepted(headers):
                self._headers = headers
            case BlockStop() | Ping() | OtherEvent():  # pragma: no branch  # there is no other
                pass

    def answer(self) -> Answer:
        """Return the whole message. Raises UpstreamError when its end is missing."""
        if not self._complete:
            raise UpstreamError(
                "The model's service closed the stream before the answer was whole."
            )
        return Answer(b"", self.so_far(), self._headers)

    def so_far(self) -> dict[str, object]:
        """Return the message with as much of it as has been added."""
        content = [self._finished(index) for index in sorted(self._blocks)]
        return {**self._message, "content": content}

    def _end(self, delta: Mapping[str, object], usage: Mapping[str, object]) -> None:
        self._message |= delta
        self._message["usage"] = counted(self._message.get("usage"), usage)

    def _append(self, index: int, key: str, piece: str) -> None:
        self._pieces.setdefault(index, {}).setdefault(key, []).append(piece)

    def _other(self, index: int, delta: Mapping[str, object]) -> None:
        citation = delta.get("citation")
        if citation is None or index not in self._blocks:
            self.exact = False
            return
        known = self._blocks[index].get("citations")
        self._blocks[index]["citations"] = [*(known if isinstance(known, list) else ()), citation]

    def _finished(self, index: int) -> dict[str, object]:
        block = dict(self._blocks[index])
        for key, pieces in self._pieces.get(index, {}).items():
            text = "".join(pieces)
            start = block.get(key)
            if key != "input":
                block[key] = (start if isinstance(start, str) else "") + text
            elif text.strip():
                block["input"] = _input(text)
                self.exact = self.exact and not isinstance(block["input"], str)
            else:
                block["input"] = start or {}
        return block


def _input(text: str) -> RawJson | str:
    """Return the call's input as written; text that max_tokens cut short is no JSON and stays text."""
    try:
        json.loads(text, parse_int=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return RawJson(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
