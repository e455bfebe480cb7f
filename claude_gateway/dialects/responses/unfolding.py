"""Items of a streamed answer while they unfold: what is said when they begin, grow and end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Protocol, TypeAlias

from claude_gateway import sse
from claude_gateway.dialects.responses.output import (
    DONE,
    Client,
    Item,
    call,
    comes_back,
    message,
    reasoning,
    refusal_part,
    text_part,
)
from claude_gateway.dialects.responses.searching import answers, search
from claude_gateway.types.events import InputDelta, OtherDelta, SignatureDelta, ThinkingDelta

# An event's name, and its fields.
Said: TypeAlias = Iterator[tuple[str, dict[str, object]]]
# Deltas but for those of text, which take a shorter road.
Delta: TypeAlias = ThinkingDelta | SignatureDelta | InputDelta | OtherDelta
BEGUN = "in_progress"


class Unfolding(Protocol):
    """An item that is not done; `item` is how it stands.

    `exact` is whether the item can bring back all that was said in it.
    """

    item: Item
    exact: bool

    def start(self) -> Said:
        """Say that there is one more."""
        ...

    def take(self, delta: Delta) -> Said:
        """Add a delta, if it is of a kind that belongs here."""
        ...

    def close(self, status: str) -> Said:
        """Say that nothing will be added."""
        ...


class Message:
    """What the assistant says: parts, one after the other."""

    def __init__(self, client: Client, index: int) -> None:
        self._parts: list[Item] = []
        self._block: Mapping[str, object] | None = None  # the part that is open
        self._citations: list[object] = []
        self.index, self.exact = index, True
        self.item = message(client, index, self._parts, BEGUN)
        self.literals: list[bytes] = []  # of the open part's text, still as JSON

    @property
    def number(self) -> int:
        """The number of the open part, or of the next."""
        return len(self._parts)

    @property
    def _place(self) -> dict[str, object]:
        where = {"output_index": self.index, "content_index": self.number}
        return {"item_id": self.item["id"], **where}

    def start(self) -> Said:
        yield added(self.index, {**self.item, "content": []})

    def open(self, block: Mapping[str, object]) -> Said:
        """Begin a part; the one before ends."""
        yield from self._end()
        self._block, self._citations, self.literals = block, [], []
        yield "response.content_part.added", {**self._place, "part": text_part({})}

    def take(self, delta: Delta) -> Said:
        if isinstance(delta, OtherDelta) and "citation" in delta.delta:
            self._citations.append(delta.delta["citation"])
        yield from ()

    def refuse(self, why: str) -> Said:
        """Say why the model will not go on, in a part of its own."""
        yield from self._end()
        place, part = self._place, refusal_part(why)
        yield "response.content_part.added", {**place, "part": refusal_part("")}
        yield "response.refusal.delta", {**place, "delta": why}
        yield "response.refusal.done", {**place, "refusal": why}
        yield "response.content_part.done", {**place, "part": part}
        self._parts.append(part)

    def close(self, status: str) -> Said:
        yield from self._end()
        self.item["status"] = status
        yield done(self.index, self.item)

    def _end(self) -> Said:
        if self._block is None:
            return
        text, known = json.loads(b'"%b"' % b"".join(self.literals)), self._block.get("citations")
        citations = [*(known if isinstance(known, list) else ()), *self._citations]
        block = {"type": "text", "text": text, "citations": citations}
        part, self.exact = text_part(block), self.exact and comes_back(block)
        place, self._block = self._place, None
        cited = part["annotations"]
        for i, annotation in enumerate(cited if isinstance(cited, list) else ()):
            which = {"annotation_index": i, "annotation": annotation}
            yield "response.output_text.annotation.added", {**place, **which}
        yield "response.output_text.done", {**place, "text": text, "logprobs": []}
        yield "response.content_part.done", {**place, "part": part}
        self._parts.append(part)


class Thought:
    """A block of thinking."""

    exact = True

    def __init__(self, client: Client, index: int, block: Mapping[str, object]) -> None:
        self._client, self._index, self._block = client, index, dict(block)
        self._pieces: list[str] = []
        self._signature: list[str] = []
        self.item = {**reasoning({}, client, index), "encrypted_content": None}
        self._place = {"item_id": self.item["id"], "output_index": index, "summary_index": 0}

    def start(self) -> Said:
        yield added(self._index, self.item)
        begun = self._block.get("thinking")
        if isinstance(begun, str):
            yield from self._add(begun)

    def take(self, delta: Delta) -> Said:
        if isinstance(delta, ThinkingDelta):
            yield from self._add(delta.text)
        elif isinstance(delta, SignatureDelta):
            self._signature.append(delta.signature)

    def _add(self, text: str) -> Said:
        if not text:
            return
        if not self._pieces:
            yield "response.reasoning_summary_part.added", {**self._place, "part": _summary("")}
        self._pieces.append(text)
        yield "response.reasoning_summary_text.delta", {**self._place, "delta": text}

    def close(self, status: str) -> Said:
        text = "".join(self._pieces)
        if text:
            yield "response.reasoning_summary_text.done", {**self._place, "text": text}
            cut = {} if status == DONE else {"status": status}
            part = {**self._place, "part": _summary(text), **cut}
            yield "response.reasoning_summary_part.done", part
        self.item = reasoning(self._whole(text), self._client, self._index)
        yield done(self._index, self.item)

    def _whole(self, text: str) -> Mapping[str, object]:
        block = self._block
        if "thinking" in block:
            block["thinking"] = text
        if self._signature:
            begun = block.get("signature")
            block["signature"] = (
                f"{begun if isinstance(begun, str) else ''}{''.join(self._signature)}"
            )
        return block


class Call:
    """A call of a tool."""

    exact = True

    def __init__(self, client: Client, index: int, block: Mapping[str, object]) -> None:
        self._client, self._index, self._block = client, index, block
        self._pieces: list[str] = []
        self.item = call({**block, "input": ""}, client, index, BEGUN)
        self._place = {"item_id": self.item["id"], "output_index": index}

    def start(self) -> Said:
        yield added(self._index, self.item)

    def take(self, delta: Delta) -> Said:
        if isinstance(delta, InputDelta):
            yield from self._add(delta.partial_json)

    def _add(self, partial: str) -> Said:
        if partial:
            self._pieces.append(partial)
            yield "response.function_call_arguments.delta", {**self._place, "delta": partial}

    def close(self, status: str) -> Said:
        if not "".join(self._pieces).strip():  # "" is not JSON, {} is
            yield from self._add(sse.compact(self._block.get("input") or {}).decode())
        arguments = "".join(self._pieces)
        if status == DONE:  # a client may run it then
            said = {**self._place, "arguments": arguments}
            yield "response.function_call_arguments.done", said
        self.item = call({**self._block, "input": arguments}, self._client, self._index, status)
        yield done(self._index, self.item)


class Search:
    """A search of the web, which upstream runs itself."""

    exact = False

    def __init__(self, client: Client, index: int, block: Mapping[str, object]) -> None:
        self._client, self._index, self._block = client, index, block
        self._pieces: list[str] = []
        self._result: Mapping[str, object] = {}
        self.item = {**search({}, client, index), "status": BEGUN}

    def start(self) -> Said:
        place = {"item_id": self.item["id"], "output_index": self._index}
        yield added(self._index, self.item)
        yield "response.web_search_call.in_progress", place
        yield "response.web_search_call.searching", place

    def take(self, delta: Delta) -> Said:
        if isinstance(delta, InputDelta):
            self._pieces.append(delta.partial_json)
        yield from ()

    def found(self, block: Mapping[str, object]) -> None:
        """Take a result, if it is this search's."""
        if answers(block, self._block):
            self._result = block

    def close(self, status: str) -> Said:
        given = "".join(self._pieces)
        asked = {**self._block, "input": given if given.strip() else self._block.get("input")}
        self.item = search(asked, self._client, self._index, self._result)
        if status != DONE:
            self.item["status"] = status
        elif self.item["status"] == DONE:
            place = {"item_id": self.item["id"], "output_index": self._index}
            yield "response.web_search_call.completed", place
        yield done(self._index, self.item)


def added(index: int, item: Item) -> tuple[str, dict[str, object]]:
    """Say that there is one more item."""
    return "response.output_item.added", {"output_index": index, "item": item}


def done(index: int, item: Item) -> tuple[str, dict[str, object]]:
    """Say that an item is complete."""
    return "response.output_item.done", {"output_index": index, "item": item}


def _summary(text: str) -> Item:
    return {"type": "summary_text", "text": text}
