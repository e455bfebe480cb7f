"""What of an answer is the client's: all but the calls that the gateway ran itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def visible(message: Mapping[str, object], own: Collection[str]) -> Mapping[str, object]:
    """Return the message without calls of these tools."""
    content = message.get("content")
    if not own or not isinstance(content, list):
        return message
    return {**message, "content": [block for block in content if not is_own(block, own)]}


def is_own(block: object, own: Collection[str]) -> bool:
    """Whether a block is a call of one of these tools."""
    if not isinstance(block, Mapping) or block.get("type") != "tool_use":
        return False
    return block.get("name") in own
