"""The app's two readers of streams, byte for byte, and what it makes of their events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from claude_gateway_ios.testing.swift import DecodingError, Number, parse

DONE = "[DONE]"


class Crashed(Exception):
    """The app is gone."""


class SSEClient:
    """The reader that the app uses.

    It cuts at single line feeds and looks at nothing but lines that begin with `data: `: no status, no
    type, no numbers, no comments. Without `[DONE]` it waits for ever.
    """

    def __init__(self) -> None:
        self.events: list[str] = []
        self.done = False
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        self._buffer += data
        while not self.done and b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            try:
                text = line.decode()
            except UnicodeDecodeError:
                continue
            if text.startswith("data: "):
                self._take(text[6:])

    def _take(self, payload: str) -> None:
        if payload == DONE:
            self.done = True
        else:
            self.events.append(payload)


class EnhancedSSEClient:
    """The other one.

    It cuts at two line feeds, and takes away one byte more than that: a third line feed, or the first
    byte of the next event. Where there is none it crashes. Unless it has seen `[DONE]` it sends the
    same request again, whatever the status, and says the last number that it has seen.
    """

    def __init__(self) -> None:
        self.events: list[str] = []
        self.done = False
        self.last_id: str | None = None
        self._buffer = b""

    @property
    def headers(self) -> dict[str, str]:
        """What it sends."""
        number = {} if self.last_id is None else {"Last-Event-ID": self.last_id}
        return {"Accept": "text/event-stream", "Cache-Control": "no-cache", **number}

    def feed(self, data: bytes) -> None:
        """Take what has come. Raises Crashed."""
        self._buffer += data
        while not self.done and (at := self._buffer.find(b"\n\n")) >= 0:
            event, end = self._buffer[:at], at + 2 + 1
            if end > len(self._buffer):
                raise Crashed("it has removed more than there was")
            self._buffer = self._buffer[end:]
            self._read(event.decode())

    def cut(self) -> None:
        """Lose the connection."""
        self._buffer = b""

    def _read(self, event: str) -> None:
        lines = []
        for line in event.split("\n"):
            if line.startswith("data:"):
                lines.append(line[5:].removeprefix(" "))
            elif line.startswith("id:"):
                self.last_id = line[3:].strip()
        if lines == [DONE]:
            self.done = True
        elif lines:
            self.events.append("\n".join(lines))


@dataclass
class Row:
    """A tool's row."""

    name: str
    input: object = None
    state: str = "running"
    content: str = ""
    duration_ms: float | None = None


@dataclass
class ChatConsole:
    """What a person sees. `first`: the first commit adopts a session from any chunk."""

    first: bool = False
    session: str | None = None
    text: str = ""
    tools: dict[str, Row] = field(default_factory=dict)
    tokens: float | None = None
    cost: float | None = None

    def show(self, events: list[str]) -> ChatConsole:
        """Take events; what is none of its own is passed over."""
        for event in events:
            try:
                value = parse(event.encode())
            except DecodingError:
                continue
            if isinstance(value, dict):
                self._take(value)
        return self

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = event["object"] if isinstance(event.get("object"), str) else event.get("type")
        if kind == "chat.completion.chunk":
            self._said(event)
        elif kind == "tool_use":
            self.tools[event["id"]] = Row(event["name"], event["input"])
        elif kind == "tool_result":
            row = self.tools.setdefault(event["tool_id"], Row(event["name"]))
            row.name, row.state = event["name"], "failed" if event["is_error"] else "completed"
            row.content = event["content"] if isinstance(event["content"], str) else ""
            row.duration_ms = _int(event.get("duration_ms"))
        elif kind == "usage":
            counted = [_int(event.get(name)) for name in ("input_tokens", "output_tokens")]
            self.tokens = sum(count for count in counted if count is not None)
            cost = event.get("total_cost")
            self.cost = float(cost.text) if isinstance(cost, Number) else self.cost

    def _said(self, event: Mapping[str, Any]) -> None:
        choices = event.get("choices") or [{}]
        content = choices[0].get("delta", {}).get("content")
        if isinstance(content, str) and content:
            self.text += content
        if (content or self.first) and self.session is None:
            self.session = event.get("session_id")


def _int(value: object) -> float | None:
    """Return a whole number; one that is written with a fraction is dropped."""
    whole = isinstance(value, Number) and value.text.lstrip("-").isdigit()
    return float(value.text) if whole and isinstance(value, Number) else None
