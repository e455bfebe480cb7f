"""Requests of the lean client, as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import SplitResult

from claude_gateway_anthropic.headers import refuse_unsafe


class RequestWriter:
    """Writes head and body in one piece; the head of nearly all calls but for the length once."""

    def __init__(self, url: SplitResult) -> None:
        self._prefix = url.path
        self._host = url.netloc
        self._usual: Mapping[str, str] = {}
        self._written: dict[tuple[str, str], bytes] = {}

    def write(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        """Return the request. Raises InvalidRequest for a header that would end itself."""
        head = self._written.get((method, path)) if headers is self._usual else None
        if head is None:
            head = self._head(method, path, headers)
            if isinstance(headers, MappingProxyType):  # it cannot change
                if headers is not self._usual:
                    self._usual, self._written = headers, {}
                self._written[method, path] = head
        if body is None:
            return head + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        refuse_unsafe(headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        start = f"{method} {self._prefix}{path} HTTP/1.1\r\nHost: {self._host}\r\n"
        return f"{start}{lines}".encode("utf-8", "surrogateescape")
