r"""Anthropic's event stream, from bytes to events.

The hot path is the text delta. Of the frame that the API sends, the part before the text is the same
for all deltas of a block: it is recognised by a regular expression once, and compared after that.
Another expression cuts the JSON string out, still encoded; whatever looks the least different takes
the road through a JSON parser. It accepts only strings that are valid JSON and hold no \u escape, so
that half a surrogate pair can never be copied to a client.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from claude_gateway import (
    BlockStop,
    Event,
    GatewayError,
    MessageStop,
    OtherDelta,
    RawJson,
    TextDelta,
)
from claude_gateway_anthropic.events import PIECES, delta_event, other_event
from claude_gateway_anthropic.failures import from_event, malformed, truncated
from claude_gateway_anthropic.surrogates import Joiner, mended

TEXT_HEAD = re.compile(
    rb"event: content_block_delta\ndata: "
    rb'\{"type":"content_block_delta","index":(\d{1,9}),'
    rb'"delta":\{"type":"text_delta","text":"'
)
TEXT_REST = re.compile(
    rb'([^"\\\x00-\x1f]*+(?:\\["\\/bfnrt][^"\\\x00-\x1f]*+)*+)'
    rb'"\} *+\} *+'
)
# As a number: of bytes, `in` raises and drops an error before it looks.
RETURN = 0x0D
END = b"\n\n"
# Lines of a frame as the API sends it: its name, its data, and the blank one, which ends in nothing.
USUAL = 4
# Numbers that a parser may change; text that looks like one costs a little time.
UNUSUAL = re.compile(rb"[\[:,]\s*(?:-0|-?\d+[.eE]|-?\d{19})")
# One frame may hold a whole tool input or a large result, but not everything there is. Bytes.
LARGEST_FRAME = 64 * 2**20


class EventReader:
    """Feed it what arrives; it returns the events that are complete.

    What goes wrong is kept in `failure`, to be raised once the events before it are delivered.
    """

    __slots__ = (
        "_after_return",
        "_head",
        "_index",
        "_joiner",
        "_rest",
        "_size",
        "failure",
        "finished",
    )

    def __init__(self) -> None:
        self.failure: GatewayError | None = None
        self.finished = False
        self._rest: list[bytes] = []
        self._size = 0
        self._after_return = False
        self._joiner = Joiner()
        self._head, self._index = b"", 0  # what all text deltas of a block begin with

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes; none once the message has ended."""
        if self.finished:
            return []
        if self._after_return or RETURN in data:
            data = self._only_line_feeds(data)
        if self._rest:
            if (self._rest[-1][-1:] + data).find(END) < 0:
                self._keep(data)  # joined once, at the event's end, however many pieces it has
                return []
            data = b"".join((*self._rest, data))
            self._rest, self._size = [], 0
        events: list[Event] = []
        try:
            self._keep(self._read(data, events))
        except GatewayError as exc:
            self.failure = exc
        except RecursionError:
            self.failure = malformed("an event is nested too deeply")
        return events

    def finish(self) -> None:
        """Raise what went wrong, if anything did; a stream that stops too early has gone wrong."""
        failure, self.failure = self.failure, None
        if failure is None and not self.finished:
            middle = b"".join(self._rest).strip()
            failure = truncated("in the middle of an event" if middle else "too early")
        try:
            if failure is not None:
                raise failure
        finally:
            del failure  # or it would refer to this frame, which refers to it

    def _keep(self, piece: bytes) -> None:
        """Keep a piece of an event whose end is yet to come."""
        if not piece:
            return
        self._rest.append(piece)
        self._size += len(piece)
        if self._size > LARGEST_FRAME:
            self.failure = malformed(f"one event is larger than {LARGEST_FRAME // 2**20} MB")

    def _read(self, data: bytes, events: list[Event]) -> bytes:
        """Append the complete events of `data`; return the beginning of the incomplete one."""
        frames = data.split(END)
        rest = frames.pop()
        head, rest_of = b"" if self._joiner.halves else self._head, TEXT_REST.fullmatch
        size = len(head)
        for frame in frames:
            if not head or frame[:size] != head:
                head = self._begun(frame)
                size = len(head)
            if head and (match := rest_of(frame, size)):
                literal = match[1]
                if not literal.isascii():
                    _check_utf8(literal)
                events.append(TextDelta(self._index, None, literal, frame + END))
                continue
            self._frame(frame + END, events)
            if self.finished:
                return b""
            head = b""
        return rest

    def _begun(self, frame: bytes) -> bytes:
        """Return what the text deltas of a block begin with; nothing when `frame` is none."""
        found = None if self._joiner.halves else TEXT_HEAD.match(frame)
        if found is None:
            return b""
        self._head, self._index = found[0], int(found[1])
        return self._head

    def _frame(self, frame: bytes, events: list[Event]) -> None:
        name, payload = _fields(frame)
        if not payload:
            return
        try:
            data = orjson.loads(payload)
            whole = True
        except orjson.JSONDecodeError:
            data, whole = _lenient(payload), False  # perhaps only half a surrogate pair
        if not isinstance(data, dict):
            raise malformed("an event is not a JSON object")
        if not whole and data.get("type") != "content_block_delta":
            data = mended(data)
        kind = data.get("type") or name
        if kind == "error":
            raise from_event(data)
        # Bytes that hold half a character are not passed on; the event is written anew.
        kept = frame if whole and not self._joiner.halves else None
        if kind == "content_block_delta":
            events += self._delta(data, kept, payload)
        else:
            events += self._other(str(kind), data, kept, payload)

    def _other(
        self, kind: str, data: dict[str, Any], frame: bytes | None, payload: bytes
    ) -> list[Event]:
        if kind == "content_block_start" and frame is not None:
            data = _exact(payload, data)
        event = other_event(kind, data, frame)
        self.finished = isinstance(event, MessageStop)
        if isinstance(event, BlockStop) and (rest := self._joiner.leftover(event.index)):
            return [delta_event(event.index, rest, None), event]
        return [event]

    def _delta(self, data: dict[str, Any], frame: bytes | None, payload: bytes) -> list[Event]:
        index, delta = data.get("index"), data.get("delta")
        if type(index) is not int or not isinstance(delta, dict):
            raise malformed("a content_block_delta lacks its index or its delta")
        if frame is None:
            key = PIECES.get(str(delta.get("type")))
            if not key or not isinstance(delta.get(key), str):
                sound = {name: mended(value) for name, value in delta.items()}
                return [delta_event(index, sound, None)]
            delta = self._joiner.join(index, key, delta)
            if not delta[key]:
                return []
        event = delta_event(index, delta, frame)
        if type(event) is OtherDelta and frame is not None:
            delta = _exact(payload, data)["delta"]
            return [delta_event(index, delta, frame)]
        return [event]

    def _only_line_feeds(self, data: bytes) -> bytes:
        """A proxy on the way may write CRLF or CR. JSON has no raw CR, so each is a line's end."""
        if not data:  # the LF may still come
            return data
        if self._after_return:  # that CR ended the line already; its LF is no second end
            data = data.removeprefix(b"\n")
        self._after_return = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _fields(frame: bytes) -> tuple[str, bytes]:
    """Read the fields of one frame as the SSE specification says: space optional, data joined."""
    name, data = "", []
    lines = frame.split(b"\n")
    if len(lines) == USUAL and lines[0][:7] == b"event: " and lines[1][:6] == b"data: ":
        return lines[0][7:].decode("utf-8", "replace"), lines[1][6:]
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"data":
            data.append(value)
    return name, b"\n".join(data)


def _exact(payload: bytes, data: dict[str, Any]) -> dict[str, Any]:
    """Return the data with its numbers as written: what it holds may have to go back."""
    if not UNUSUAL.search(payload):
        return data
    try:
        exact = RawJson.parse(payload)
    except ValueError:  # too deep for this parser
        return data
    return exact if isinstance(exact, dict) else data


def _lenient(payload: bytes) -> object:
    try:
        return RawJson.parse(payload)
    except ValueError:
        raise malformed("an event is not JSON") from None


def _check_utf8(literal: bytes) -> None:
    try:
        literal.decode()
    except UnicodeDecodeError:
        raise malformed("a text is not UTF-8") from None
