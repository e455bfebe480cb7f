"""A stream of events as the events of a response.

As in chat the constant part of a text delta is built once, here for each part of a message, and the
delta's JSON string is copied into it, with the number of the event. Everything else takes the
ordinary road through dicts. An item is said to be done when the next one begins or the answer ends,
for only then is it known whether it was cut.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from claude_gateway import sse
from claude_gateway.dialects.encoder import Encoder
from claude_gateway.dialects.envelope import flattened, openai_envelope
from claude_gateway.dialects.openai import endings
from claude_gateway.dialects.responses.output import DONE, Client, Item
from claude_gateway.dialects.responses.own_calls import OwnCall
from claude_gateway.dialects.responses.response import Opening, begun, ended, failed, last_status
from claude_gateway.dialects.responses.searching import is_search_call
from claude_gateway.dialects.responses.thoughts import is_thought
from claude_gateway.dialects.responses.unfolding import (
    Call,
    Message,
    Said,
    Search,
    Thought,
    Unfolding,
)
from claude_gateway.dialects.visible import is_own
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

DELTA = b"response.output_text.delta"
BEFORE = b'event: %b\ndata: {"type":"%b","sequence_number":' % (DELTA, DELTA)
AFTER = b'","logprobs":[]}\n\n'


class ResponseStream(Encoder):
    """Turns the events of one answer into frames. `feed` may be given any number at a time."""

    def __init__(
        self, opening: Opening, client: Client, now: Callable[[], float] = time.time
    ) -> None:
        self._opening, self._client, self._now = opening, client, now
        self._number = 0
        self._middle = b""
        self._literals: list[bytes] | None = None  # of the text that is open, to be added to
        self._response: dict[str, object] = {}
        self._items: list[Item] = []  # that are done
        self._item: Unfolding | None = None
        self._into: Unfolding | None = None  # what the open block adds to
        self._running: dict[str, OwnCall] = {}  # that have no result yet
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
                if literal and self._literals is not None:
                    self._literals.append(literal)
                    out += (BEFORE, b"%d" % self._number, self._middle, literal, AFTER)
                    self._number += 1
            else:
                out.append(self._frame(event))
        return b"".join(out)

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        """Return what ends a stream that went wrong: a response that failed, and an error.

        The official clients show the first and raise the second.
        """
        first = b"" if self._response else self._begin({})
        said = openai_envelope(error, request_id)
        flat = flattened(said)
        last = failed(self._response, error, str(flat["message"]), self._items)
        return (
            first
            + self._event("response.failed", {"response": last})
            + self._event("error", {**flat, **said})
        )

    def _frame(self, event: Event) -> bytes:  # noqa: C901, PLR0911  # one arm for each kind of event
        match event:
            case ThinkingDelta() | InputDelta() | SignatureDelta() | OtherDelta():
                return b"" if self._into is None else self._say(self._into.take(event))
            case BlockStart(_, block):
                return self._block(block)
            case BlockStop():
                self._into = self._literals = None
                return b""
            case MessageStart(message):
                return self._begin(message)
            case MessageDelta(delta, usage):
                self._ending |= delta
                self._usage = Usage.from_wire(usage, self._usage)
                return b""
            case MessageStop():
                return self._end()
            case Activity(name, data):
                return self._ran(str(data.get("tool_id"))) if name == "tool_result" else b""
            case Accepted() | Ping() | OtherEvent():
                return b""
            case TextDelta():  # pragma: no cover  # feed() has dealt with it
                return b""

    def _begin(self, message: Mapping[str, object]) -> bytes:
        self._usage = Usage.from_wire(message.get("usage"))
        self._ending = endings.begun(message)
        self._response = begun(self._opening, message)
        now = {"response": self._response}
        return self._event("response.created", now) + self._event("response.in_progress", now)

    def _block(self, block: Mapping[str, object]) -> bytes:
        self._into = self._literals = None
        kind = self._kind(block)
        if block.get("type") == "text":
            return self._text(block)
        if kind is None:
            if isinstance(self._item, Search):
                self._item.found(block)
            self._forget()
            return b""
        before = self._close(DONE)
        item = kind(self._client, len(self._items), block)
        self._item = self._into = item
        return before + self._say(item.start())

    def _text(self, block: Mapping[str, object]) -> bytes:
        before, item = self._message()
        opened = self._say(item.open(block))
        place = (str(item.item["id"]).encode(), item.index, item.number)
        self._middle = b',"item_id":"%b","output_index":%d,"content_index":%d,"delta":"' % place
        self._into, self._literals = item, item.literals
        text = block.get("text")
        return before + opened + (self.feed([TextDelta(0, text)]) if isinstance(text, str) else b"")

    def _message(self) -> tuple[bytes, Message]:
        """Return the message that is open, after opening one if there is none."""
        if isinstance(self._item, Message):
            return b"", self._item
        before = self._close(DONE)
        self._item = item = Message(self._client, len(self._items))
        return before + self._say(item.start()), item

    def _close(self, status: str) -> bytes:
        item, self._item = self._item, None
        if item is None:
            return b""
        said = self._say(item.close(status))
        self._items.append(item.item)
        if isinstance(item, OwnCall):
            self._running[item.id] = item
        if not item.exact:
            self._forget()
        return said

    def _ran(self, call_id: str) -> bytes:
        """Say what a call gave that the gateway ran."""
        closed = self._close(DONE) if isinstance(self._item, OwnCall) else b""
        call = self._running.pop(call_id, None)
        return closed if call is None else closed + self._say(call.end())

    def _kind(self, block: Mapping[str, object]) -> type[Thought | Call | OwnCall | Search] | None:
        """Return what unfolds from a block that is no text; None when that is nothing."""
        if is_thought(block):
            return Thought
        if block.get("type") == "tool_use":
            return OwnCall if is_own(block, self._client.own) else Call
        return Search if is_search_call(block) else None

    def _forget(self) -> None:
        """Give the client no thinking to keep: it would be bound to what cannot come back."""
        self._client = replace(self._client, thinking=False)

    def _end(self) -> bytes:
        refused = b""
        if why := endings.refusal(self._ending):
            opened, item = self._message()
            refused = opened + self._say(item.refuse(why))
        closed = self._close(last_status(self._ending))
        closed += b"".join([self._ran(call_id) for call_id in [*self._running]])
        now = int(self._now())
        response = ended(self._response, self._ending, self._usage, self._items, now)
        return (
            refused + closed + self._event(f"response.{response['status']}", {"response": response})
        )

    def _say(self, said: Said) -> bytes:
        return b"".join([self._event(name, fields) for name, fields in said])

    def _event(self, name: str, fields: Mapping[str, object]) -> bytes:
        frame = sse.event(name, {"type": name, "sequence_number": self._number, **fields})
        self._number += 1
        return frame
