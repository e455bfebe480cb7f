"""Why something did not work, as a sentence for people; foreign errors end here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import httpx2
from mcp import MCPError
from pydantic import ValidationError

LONGEST = 500  # characters

Kind = Literal["error", "auth_required"]


class Failed(Exception):
    """A server that cannot be used now. `kind` is the state that this means."""

    def __init__(self, reason: str, kind: Kind = "error") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


class Forgotten(Failed):
    """The server has forgotten the session, and did nothing: the same may be asked in a new one."""


def first_of(exc: BaseException) -> BaseException:
    """Return the error inside groups of errors, as task groups make them."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def failure(exc: BaseException) -> Failed:
    """Return what an error of the SDK, or of what is below it, means."""
    exc = first_of(exc)
    if isinstance(exc, Failed):
        return exc
    for kind, sentence in SENTENCES.items():
        if isinstance(exc, kind):
            return Failed(sentence(exc)[:LONGEST])
    return Failed(f"It failed: {type(exc).__name__}: {' '.join(str(exc).split())}"[:LONGEST])


def told(error: MCPError) -> str:
    """Return what a server's own error says."""
    words = " ".join(error.message.split()) or "an error without words"
    return f"The server says: {words[:LONGEST]} (code {error.code})."


def _status(exc: BaseException) -> str:
    code = exc.response.status_code if isinstance(exc, httpx2.HTTPStatusError) else "that is none"
    return f"It answered with the status {code}."


# The first that fits counts.
SENTENCES: Mapping[type[BaseException], Callable[[BaseException], str]] = {
    MCPError: lambda exc: told(exc) if isinstance(exc, MCPError) else "",
    ValidationError: lambda _: "It answered with something that is not the Model Context Protocol.",
    httpx2.ConnectError: lambda exc: f"It cannot be reached: {exc}.",
    httpx2.TimeoutException: lambda _: "It did not answer in time.",
    TimeoutError: lambda _: "It did not answer in time.",
    httpx2.HTTPStatusError: _status,
    httpx2.HTTPError: lambda exc: f"The connection broke: {type(exc).__name__}.",
    OSError: lambda exc: f"The connection broke: {type(exc).__name__}.",
}
