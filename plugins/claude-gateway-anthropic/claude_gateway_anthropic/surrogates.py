r"""Put characters together that upstream cut in half.

Upstream may end one delta with `\ud83d` and begin the next with `\ude00`. Each half alone is no
text: no UTF-8 can carry it, and a client that decodes it fails. The first half waits for the other.
"""

from __future__ import annotations


class Joiner:
    """Halves that wait, by content block."""

    def __init__(self) -> None:
        self._halves: dict[int, str] = {}

    @property
    def waiting(self) -> bool:
        """Whether any half waits, so that the next delta must come through here."""
        return bool(self._halves)

    def join(self, index: int, text: str) -> str:
        """Return what is whole of `text`, with the half that waited before it."""
        text = self._halves.pop(index, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._halves[index] = text[-1]
            text = text[:-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def leftover(self, index: int) -> str:
        """Return what stands for a half whose other half never came, when its block ends."""
        return "\ufffd" if self._halves.pop(index, "") else ""
