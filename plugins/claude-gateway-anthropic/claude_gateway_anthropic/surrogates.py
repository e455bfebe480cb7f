r"""Put characters together that upstream cut in half.

Upstream may end one delta with `\ud83d` and begin the next with `\ude00`. Each half alone is no
text: no UTF-8 can carry it, and a client that decodes it fails. The first half waits for the other.
A half that stays alone becomes U+FFFD, which stands for a character that is lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

LOST = "\ufffd"


class Joiner:
    """Halves that wait, by content block, each with the delta that brought it.

    While there are any in `halves`, the next delta must come through here.
    """

    __slots__ = ("halves",)

    def __init__(self) -> None:
        self.halves: dict[int, tuple[str, str, Mapping[str, object]]] = {}

    def join(self, index: int, key: str, delta: Mapping[str, object]) -> dict[str, object]:
        """Return `delta` with what is whole of its text at `key`, after the half that waited."""
        half, *_ = self.halves.pop(index, ("",))
        text = f"{half}{delta[key]}"
        if text and "\ud800" <= text[-1] <= "\udbff":
            self.halves[index] = (text[-1], key, delta)
            text = text[:-1]
        return {**delta, key: whole(text)}

    def leftover(self, index: int) -> Mapping[str, object] | None:
        """Return the delta that stands for a half whose other half never came in its block."""
        if index not in self.halves:
            return None
        _, key, delta = self.halves.pop(index)
        return {**delta, key: LOST}


def whole(text: str) -> str:
    """Join the pairs in `text` and replace what has no other half."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mended(value: object) -> object:
    """Return the JSON value with every text in it made whole."""
    match value:
        case str():
            return whole(value)
        case dict():
            return {whole(key): mended(item) for key, item in value.items()}
        case list():
            return [mended(item) for item in value]
        case _:
            return value


def parse(payload: bytes) -> object:
    """Parse JSON in which half a pair may stand, which the fast parser refuses.

    Raises ValueError for what is no JSON, or is nested deeper than anything sensible.
    """
    try:
        return json.loads(payload)
    except RecursionError:
        raise ValueError("nested too deeply") from None
