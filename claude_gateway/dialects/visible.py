"""What of an answer is the client's: all but the calls that the gateway answers itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping


class Owned:
    """Names of tools whose calls are the gateway's to answer: its own, and those that nobody has.

    A model may call what it has seen earlier, or made up. No client could do anything with that.
    """

    __slots__ = ("names", "theirs")

    def __init__(self, own: Collection[str] = (), theirs: Collection[object] | None = None) -> None:
        """`theirs` are names of the client's tools; None when they are not all known."""
        self.names = frozenset(own)
        self.theirs = theirs

    def __bool__(self) -> bool:
        return bool(self.names)

    def __contains__(self, name: object) -> bool:
        if not self.names:
            return False
        return name in self.names or (self.theirs is not None and name not in self.theirs)


NOBODYS = Owned()


def owned(own: Collection[str], tools: object) -> Owned:
    """Return whose calls are the gateway's, in a request that offers these `tools`."""
    offered = tools if isinstance(tools, list) else []
    names = {tool.get("name") for tool in offered if isinstance(tool, Mapping)}
    return Owned(own, None if None in names else names.difference(own))


def visible(message: Mapping[str, object], own: Owned) -> Mapping[str, object]:
    """Return the message without calls of these tools."""
    content = message.get("content")
    if not own.names or not isinstance(content, list):
        return message
    return {**message, "content": [block for block in content if not is_own(block, own)]}


def is_own(block: object, own: Owned) -> bool:
    """Whether a block is a call of one of these tools."""
    if not isinstance(block, Mapping) or block.get("type") != "tool_use":
        return False
    return block.get("name") in own
