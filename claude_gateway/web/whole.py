"""Answers in one piece: what aiohttp does for them in twenty calls, in two.

Head and body of an answer that nobody has done anything particular with are made of strings, and leave
in one write. Of all others, aiohttp knows better what has to be done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http_parser import RawRequestMessage

JSON = "application/json"
REASONS = {int(status): status.phrase for status in HTTPStatus}
BODILESS, NOBODY_READS = (204, 304), (hdrs.METH_HEAD, hdrs.METH_CONNECT)
# Bytes from which on copying a body behind its head takes longer than writing both.
LARGEST = 2**16
# What an answer has of its own as long as nobody has done anything particular with it. `_keep_alive` is
# there when it is to be the last of its connection.
PLAIN = frozenset({"_body", "_status", "_reason", "_keep_alive"})
# What aiohttp lets no header have, and a line's end is made of.
CONTROLS = bytes({*range(0x20)} - {0x09}) + b"\x7f"


class _Later:
    """What aiohttp's own has from its beginning, and ours from when somebody asks for it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, answer: Whole, owner: type) -> Any:
        answer.complete()
        return answer.__dict__[self._name]  # which is found there from now on


class Whole(web.Response):
    """JSON in one piece, which is aiohttp's own as soon as somebody asks for more than body and status."""

    # aiohttp asks it of every answer; to find that there is none of a name takes longer.
    __http_exception__ = False

    _headers, _state = _Later(), _Later()

    def __init__(self, body: bytes, status: int) -> None:
        self._body = body
        self._status = status
        self._reason = REASONS.get(status, "")

    def complete(self) -> None:
        """Make all of it that aiohttp's own has."""
        super().__init__(
            body=self._body, status=self._status, reason=self._reason, content_type=JSON
        )

    @property
    def size(self) -> int:
        """Bytes of the body."""
        body = self._body
        if type(body) is bytes and "_headers" not in self.__dict__:
            return len(body)
        return self.content_length or 0

    def written(
        self, message: RawRequestMessage, more: Callable[[], Sequence[tuple[str, str]]]
    ) -> bytes | None:
        """Return what answers `message`, with more headers than its own; None if aiohttp is to write it."""
        body, status = self._body, self._status
        if (
            not self.__dict__.keys() <= PLAIN
            or type(body) is not bytes
            or len(body) > LARGEST
            or message.version != HttpVersion11
            or message.method in NOBODY_READS
            or status < HTTPStatus.OK
            or status in BODILESS
        ):
            if "_headers" not in self.__dict__:
                self.complete()
            return None
        if self._keep_alive is None:
            self._keep_alive = not message.should_close
        signed = more()
        words = self._reason + "".join([value for _, value in signed])
        plain = words.encode()
        if len(plain.translate(None, CONTROLS)) != len(plain):
            return None  # a header would end its line itself, which aiohttp refuses
        head = (
            f"HTTP/1.1 {status} {self._reason}\r\nContent-Type: {JSON}\r\n"
            f"Content-Length: {len(body)}\r\nDate: {rfc822_formatted_time()}\r\n"
            + "\r\n".join(map(": ".join, signed))
            + ("\r\n\r\n" if self._keep_alive else "\r\nConnection: close\r\n\r\n")
        )
        return head.encode() + body

    def gone(self, size: int) -> None:
        """Take note that it was written, in so many bytes."""
        self._eof_sent = True
        self._body_length = size
