"""The items of a whole answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from claude_gateway.dialects.responses.output import (
    DONE,
    Block,
    Client,
    Item,
    call,
    comes_back,
    message,
    own_call,
    reasoning,
    refusal_part,
    text_part,
)
from claude_gateway.dialects.responses.searching import answers, is_search_call, search
from claude_gateway.dialects.responses.thoughts import is_thought
from claude_gateway.dialects.visible import is_own


def listed(blocks: Sequence[Block], client: Client, refusal: str | None, last: str) -> list[Item]:
    """Translate content blocks; `last` is the status of the last item.

    `refusal` is why the model would not go on, if it would not.
    """
    listing = _Listing(client)
    for block in blocks:
        listing.add(block)
    if refusal:
        listing.parts().append(refusal_part(refusal))
    items = listing.items
    if last != DONE and items and "status" in items[-1]:
        items[-1]["status"] = last
    return items


class _Listing:
    def __init__(self, client: Client) -> None:
        self.items: list[Item] = []
        self._client = client
        self._parts: list[Item] | None = None  # of the message that is open
        self._asked: Block | None = None  # the search that is open

    def add(self, block: Block) -> None:
        if block.get("type") == "text":
            self.parts().append(text_part(block))
        elif item := self._item(block):
            self._open(item)
            self._asked = block if is_search_call(block) else None
        elif self._asked is not None and answers(block, self._asked):
            at = len(self.items) - 1
            self.items[at] = search(self._asked, self._client, at, block)
        if not comes_back(block) or is_own(block, self._client.own):
            self._client = replace(self._client, thinking=False)

    def parts(self) -> list[Item]:
        """Return the parts of the open message, after opening one if there is none."""
        if self._parts is None:
            parts: list[Item] = []
            self._open(message(self._client, len(self.items), parts))
            self._parts = parts
        return self._parts

    def _item(self, block: Block) -> Item | None:
        if is_thought(block):
            return reasoning(block, self._client, len(self.items))
        if is_own(block, self._client.own):
            return own_call(block, self._client, len(self.items))
        if block.get("type") == "tool_use":
            return call(block, self._client, len(self.items))
        if is_search_call(block):
            return search(block, self._client, len(self.items))
        return None

    def _open(self, item: Item) -> None:
        self.items.append(item)
        self._parts = self._asked = None
