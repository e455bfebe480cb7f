"""Frames as the app reads them.

They are made of the gateway's own, one by one, and depend on nothing but the frame, its number and
the run: whoever reads a stream again gets the same bytes.

Each ends in three line feeds. One of the app's readers removes one byte too many behind a frame;
the third is for it, and means nothing to any other. Numbers name their run, so that what such a
reader sends when it connects again says which answer it wants the rest of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

END, THREE = b"\n\n", b"\n\n\n"
DONE = b"data: [DONE]" + THREE
ID = b"id: "
NO_CHOICE = b',"choices":[]}'
CHOICE = b',"choices":[{"index":0,"delta":{},"finish_reason":null}]}'
ERROR = b'data: {"type":"error",'
STOPPED = "cancelled"  # the code of an end that somebody asked for
RUN = "x-run-id"


class AppFrames:
    """Rewrites the frames of one stream; `headers` are those of the answer."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, frames: bytes) -> bytes:
        """Return whole frames, rewritten."""
        return b"".join([self._frame(frame) for frame in frames.split(END)[:-1]])

    def _frame(self, frame: bytes) -> bytes:
        number = b""
        if frame.startswith(ID):
            first, _, frame = frame.partition(b"\n")
            number = b"id: %b.%b\n" % (self._headers.get(RUN, "").encode(), first[len(ID) :])
        if frame.endswith(NO_CHOICE):
            frame = frame[: -len(NO_CHOICE)] + CHOICE
        elif frame.startswith(ERROR):
            return failed(json.loads(frame[len(b"data: ") :]), number)
        return number + frame + THREE


def failed(envelope: Mapping[str, Any], number: bytes = b"") -> bytes:
    """Say in frames what went wrong: in words that the app shows, and as an error for others.

    An answer that was stopped just ends. `number` is the line that numbers the last frame.
    """
    error = envelope["error"]
    if error["code"] == STOPPED:
        return number + chunk({}, "stop")
    said = chunk({"content": f"⚠️ {error['message']}"})
    return said + number + framed({**envelope, "choices": []})


def chunk(delta: Mapping[str, object], finish: str | None = None) -> bytes:
    """A piece of an answer that belongs to no message of a model's."""
    return framed(
        {
            "id": "chatcmpl-gateway",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
    )


def framed(value: object) -> bytes:
    """One frame. Escapes need no other character set than the smallest one."""
    return b"data: %b%b" % (json.dumps(value, separators=(",", ":")).encode("ascii"), THREE)
