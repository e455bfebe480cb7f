"""A stream of events as `chat.completion.chunk` frames.

The constant part of a text chunk is built once for each answer and the delta's JSON string is
copied between its halves: that is the hot path, and decoding and encoding a dict for each delta
would be most of its cost. Everything else takes the ordinary road through dicts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from claude_gateway import sse
from claude_gateway.dialects.encoder import Encoder
from claude_gateway.dialects.envelope import openai_envelope
from claude_gateway.dialects.numbering import lines, numbered
from claude_gateway.dialects.openai import endings
from claude_gateway.dialects.openai.names import client_name
from claude_gateway.dialects.visible import NOBODYS, Owned
from claude_gateway.errors import GatewayError
from claude_gateway.types.events import (
    Accepted,
    Activity,
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
from claude_gateway.types.usage import Usage

HOLE = b'"\\u0000"'
# Blocks that may open with some of their text: where it stands, and what it is called in a chunk.
BEGINNINGS: Mapping[str, str] = {"text": "content", "thinking": "reasoning_content"}


@dataclass(frozen=True, slots=True)
class Extras:
    """What an answer also says: `fields` stand in every chunk, `usage` writes counts.

    `own` are names of tools whose calls are not the client's. `report` says what
    the turn has used so far, to a client that wants to see what the gateway does.
    """

    fields: Mapping[str, object] = field(default_factory=dict)
    usage: Callable[[Usage], Mapping[str, object]] = endings.usage
    own: Owned = NOBODYS
    report: Callable[[], Mapping[str, object]] | None = None


NO_EXTRAS = Extras()


class ChatStream(Encoder):
    """Turns the events of one answer into frames. `feed` may be given any number at a time."""

    def __init__(
        self,
        created: int,
        model: str,
        *,
        include_usage: bool,
        tool_names: Mapping[str, str] | None = None,
        extras: Extras | None = None,
    ) -> None:
        """`created` is in seconds since 1970; `model` is used when upstream names none.

        `tool_names` holds the client's names of tools by upstream's, where those differ.
        """
        extras = extras or NO_EXTRAS
        self._chunk: dict[str, object] = {
            "id": "chatcmpl-",
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
            **extras.fields,
        }
        self._written = extras.usage
        self._own = extras.own
        self._report = extras.report
        self._include_usage = include_usage
        self._tool_names = tool_names or {}
        self._before, self._after = b"", b""
        self._calls: dict[int, int] = {}  # index among blocks → index among tool calls
        self._silent: dict[int, object] = {}  # calls whose arguments have not begun → their input
        self._ending: dict[str, object] = {}
        self._usage = Usage()

    def feed(self, batch: Sequence[Event]) -> bytes:
        """Return the frames of these events, possibly none."""
        out: list[bytes] = []
        for event in batch:
            if type(event) is TextDelta:
                literal = event.literal
                if literal is None:
                    literal = sse.literal(event.text)
                if literal:
                    out += (self._before, literal, self._after)
            else:
                out.append(self._frame(event))
        return b"".join(out)

    def numbered(self, batch: Sequence[Event], first: int) -> tuple[bytes, int]:
        """Return the same frames with numbers from `first` on, and the number of the last."""
        out: list[bytes] = []
        texts: list[bytes] = []
        for event in batch:
            if type(event) is TextDelta:
                literal = event.literal
                if literal is None:
                    literal = sse.literal(event.text)
                if literal:
                    texts.append(literal)
                continue
            if texts:
                out += self._texts(texts, first)
                first, texts = first + len(texts), []
            if frames := self._frame(event):
                frames, last = numbered(frames, first)
                out.append(frames)
                first = last + 1
        if texts:
            out += self._texts(texts, first)
        return b"".join(out), first + len(texts) - 1

    def _texts(self, texts: Sequence[bytes], first: int) -> Sequence[bytes]:
        count = len(texts)
        parts = [self._before] * (4 * count)
        parts[::4], parts[2::4] = lines(first, first + count), texts
        parts[3::4] = [self._after] * count
        return parts

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        """Return what ends a stream that went wrong: an error, no finish_reason, then the end."""
        return sse.data(openai_envelope(error, request_id)) + sse.DONE

    def _frame(self, event: Event) -> bytes:  # noqa: C901, PLR0911  # one arm for each kind of event
        match event:
            case ThinkingDelta(_, text):
                return self._delta({"reasoning_content": text}) if text else b""
            case InputDelta(index, partial):
                return self._arguments(index, partial)
            case BlockStart(index, block):
                return self._block(index, block)
            case BlockStop(index):
                return self._unsaid(index) if index in self._silent else b""
            case MessageStart(message):
                return self._start(message)
            case MessageDelta(delta, usage):
                self._ending |= delta
                self._usage = Usage.from_wire(usage, self._usage)
                return b""
            case MessageStop():
                return self._end()
            case Activity(kind, data) if self._report is not None:
                return self._beside(kind, data)
            case Accepted() | SignatureDelta() | OtherDelta() | Ping() | OtherEvent():
                return b""
            case TextDelta():  # pragma: no cover  # feed() has dealt with it
                return b""

    def _start(self, message: Mapping[str, object]) -> bytes:
        self._chunk["id"] = f"chatcmpl-{message.get('id', '')}"
        self._chunk["model"] = message.get("model") or self._chunk["model"]
        self._usage = Usage.from_wire(message.get("usage"))
        self._ending = endings.begun(message)
        frame = self._delta({"content": "\0"})
        before, _, after = frame.rpartition(HOLE)
        self._before, self._after = before + b'"', b'"' + after
        return self._delta({"role": "assistant", "content": ""})

    def _block(self, index: int, block: Mapping[str, object]) -> bytes:
        kind = str(block.get("type"))
        if kind in BEGINNINGS:
            text = block.get(kind)
            return self._delta({BEGINNINGS[kind]: text}) if isinstance(text, str) and text else b""
        if kind != "tool_use" or block.get("name") in self._own:
            return b""
        number = self._calls[index] = len(self._calls)
        self._silent[index] = block.get("input")
        function = {"name": client_name(block, self._tool_names), "arguments": ""}
        call = {"index": number, "id": block.get("id"), "type": "function", "function": function}
        return self._delta({"tool_calls": [call]})

    def _arguments(self, index: int, partial: str) -> bytes:
        if index not in self._calls or not partial:
            return b""
        if not partial.isspace():
            self._silent.pop(index, None)
        function = {"arguments": partial}
        return self._delta({"tool_calls": [{"index": self._calls[index], "function": function}]})

    def _unsaid(self, index: int) -> bytes:
        """Say the input that came with the call's start; "" is not JSON, {} is."""
        return self._arguments(index, sse.compact(self._silent.pop(index) or {}).decode())

    def _end(self) -> bytes:
        reason = endings.refusal(self._ending)
        said = self._delta({"refusal": reason}) if reason else b""
        self._chunk |= endings.changes(self._ending)
        last = self._delta({}, endings.finish(self._ending, has_calls=bool(self._calls)))
        counted = b""
        if self._include_usage:
            counted = sse.data({**self._chunk, "choices": [], "usage": self._written(self._usage)})
        if self._report is not None:
            counted += self._beside("usage", self._report())
        return said + last + counted + sse.DONE

    def _beside(self, kind: str, data: Mapping[str, object]) -> bytes:
        """Write a frame about what the gateway does, in which no client finds a choice."""
        return sse.data({**self._chunk, "object": kind, "type": kind, **data, "choices": []})

    def _delta(
        self, delta: Mapping[str, object], ending: Mapping[str, object] | None = None
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        chunk = {**self._chunk, "choices": [{**choice, **(ending or {})}]}
        return sse.data({**chunk, "usage": None} if self._include_usage else chunk)
