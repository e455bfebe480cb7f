"""Check answers byte for byte, quickly enough not to be what is measured.

The first answer is taken apart and compared with what upstream said. The next ones must be the same
bytes, but for what each answer has of its own (ids, its time, stamps); one that is not is taken apart
as well. So every byte of every answer is looked at.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from scripts.benchmark import answers

# A value that each answer has of its own; wherever it stands again in the same answer, it is the same.
# Too long to be a part of what was said.
OWN = re.compile(rb'"(?:id|created|session_id|run_id)": ?"?([^",}]{8,})')
MOST = 8


class WrongAnswer(Exception):
    """An answer that is not what upstream said."""


class Checker:
    """Knows what right answers of one server look like."""

    def __init__(self, *, stream: bool, stamped: bool = False) -> None:
        """`taken_apart` counts answers that the quick way did not recognise."""
        self.taken_apart = 0
        self._stream = stream
        self._stamped = stamped
        self._known: set[bytes] = set()

    def check(self, body: bytes) -> None:
        """Raise WrongAnswer unless it is right."""
        if self._stamped:
            body = answers.STAMP.sub(b"@", body)
        masked = body
        for own in sorted(set(OWN.findall(body[:1024])), key=len, reverse=True):
            masked = masked.replace(own, b"*")
        if masked in self._known:
            return
        self.taken_apart += 1
        expected = answers.STAMPED if self._stamped else answers.TEXT
        text = streamed(body) if self._stream else completed(body)
        if text != expected:
            raise WrongAnswer(f"{len(text)} characters instead of {len(expected)}: {text[:80]!r}")
        if len(self._known) < MOST:
            self._known.add(masked)


def completed(body: bytes) -> str:
    """Return the text of a whole answer. Raises WrongAnswer."""
    try:
        [choice] = orjson.loads(body)["choices"]
        text, reason = choice["message"]["content"], choice["finish_reason"]
    except (ValueError, KeyError, TypeError):
        raise WrongAnswer(f"no chat completion: {body[:200]!r}") from None
    if reason != "stop":
        raise WrongAnswer(f"it ended with {reason}")
    return str(text)


def streamed(body: bytes) -> str:
    """Return the text of a streamed answer. Raises WrongAnswer."""
    data = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
    if not data or data[-1] != b"[DONE]":
        raise WrongAnswer(f"a stream without its end: {body[-200:]!r}")
    pieces: list[str] = []
    reasons: list[str] = []
    for frame in data[:-1]:
        try:
            _take(orjson.loads(frame), pieces, reasons)
        except (ValueError, KeyError, TypeError):
            raise WrongAnswer(f"no chunk of a chat: {frame[:200]!r}") from None
    if reasons != ["stop"]:
        raise WrongAnswer(f"it ended with {reasons}")
    return "".join(pieces)


def _take(frame: Any, pieces: list[str], reasons: list[str]) -> None:
    for choice in frame["choices"]:
        pieces.append(choice["delta"].get("content") or "")
        if choice.get("finish_reason"):
            reasons.append(choice["finish_reason"])


def unchunked(data: bytes) -> bytes:
    """Return the body of chunks. Raises WrongAnswer when they are not all there, or more than all."""
    pieces, at = [], 0
    while True:
        line_end = data.find(b"\r\n", at)
        try:
            size = int(data[at:line_end], 16)
        except ValueError:
            raise WrongAnswer(f"no chunk: {data[at : at + 40]!r}") from None
        at = line_end + 2
        if data[at + size : at + size + 2] != b"\r\n":
            raise WrongAnswer("a chunk that was cut")
        if not size:
            break
        pieces.append(data[at : at + size])
        at += size + 2
    if at + 2 != len(data):
        raise WrongAnswer("more behind the end")
    return b"".join(pieces)
