"""Prompt caching in a turn of several rounds: the last breakpoint moves on with the conversation.

Without that every round would pay anew for all that the rounds before it have said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Message: TypeAlias = Mapping[str, object]

MARK = "cache_control"


def moved_on(messages: Sequence[Message]) -> list[Message]:
    """Return a conversation whose last breakpoint is at its end, if it has any.

    The number of breakpoints stays, because there may only be so many: the first in the messages
    goes. What it has cached is found all the same, for upstream looks back from the last.
    """
    marked = [at for at, message in enumerate(messages) if _mark(message) is not None]
    if not marked:
        return [*messages]
    *before, last = messages
    mark = _mark(messages[marked[-1]])
    before[marked[0]] = _without_first(messages[marked[0]])
    return [*before, _with(last, mark)]


def _blocks(message: Message) -> list[object]:
    content = message.get("content")
    return [*content] if isinstance(content, list) else []


def _mark(message: Message) -> object:
    """Return the last breakpoint in a message."""
    found = [block[MARK] for block in _blocks(message) if isinstance(block, dict) and MARK in block]
    return found[-1] if found else None


def _without_first(message: Message) -> Message:
    blocks = _blocks(message)
    at = next(i for i, block in enumerate(blocks) if isinstance(block, dict) and MARK in block)
    block = blocks[at]
    if isinstance(block, dict):
        blocks[at] = {key: value for key, value in block.items() if key != MARK}
    return {**message, "content": blocks}


def _with(message: Message, mark: object) -> Message:
    *before, last = _blocks(message)
    return {
        **message,
        "content": [*before, {**last, MARK: mark} if isinstance(last, dict) else last],
    }
