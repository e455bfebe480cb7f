"""What a handler says of itself, in the line above it, for the description of the API.

Everything else is known: the path and its variables, the scopes, how failures look, and what the handler's
docstring says.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

H = TypeVar("H", bound=Callable[..., object])

ATTRIBUTE = "claude_gateway_operation"
NOT_FOUND, CONFLICT, FULL = 404, 409, 507
KEPT = (CONFLICT, FULL)  # how what is to be kept may fail, beside what may happen to everybody
REPEATABLE = ("idempotency_key",)
TURN_HEADERS = (*REPEATABLE, "strict")
SESSION_HEADERS = (*REPEATABLE, "x_session_id", "x_project_id", "x_on_disconnect", "x_if_busy")


@dataclass(frozen=True, slots=True)
class Operation:
    """Put it above a handler: `@Operation(takes="NewProject", gives="Project", status=201)`.

    `takes` and `gives` name shapes of JSON (`claude_gateway.dialects.shapes`), `query`, `headers` and `path`
    parameters, by the names they have there; `path` those variables of the path that are one of some
    words. A body may be left out where it is `optional`.
    `streams` is whether the answer may be a stream of events, `files` are other media types that it may
    """

    takes: str = ""
    gives: str = ""
    status: int = 200
    query: Sequence[str] = ()
    headers: Sequence[str] = ()
    path: Sequence[str] = ()
    optional: bool = False
    streams: bool = False
    files: Sequence[str] = ()
    fails: Sequence[int] = ()
    fails_as: str = ""
    empty: int | None = None

    def __call__(self, handler: H) -> H:
        """Let a handler say this of itself."""
        vars(handler)[ATTRIBUTE] = self
        return handler


def words_of(handler: object) -> tuple[str, str]:
    """Return the first sentence of a handler's docstring, and what follows."""
    first, _, more = (inspect.getdoc(handler) or "").partition("\n\n")
    summary, _, rest = " ".join(first.split()).partition(". ")
    return summary.rstrip("."), "\n\n".join(filter(None, (rest, more)))


def operation_of(handler: object) -> Operation | None:
    """Return what a handler says of itself; None when it says nothing."""
    said = getattr(handler, ATTRIBUTE, None)
    return said if isinstance(said, Operation) else None
