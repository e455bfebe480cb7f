"""One assistant turn, and what is known of it so far."""

from __future__ import annotations

from dataclasses import dataclass

from claude_gateway.types.principals import Principal
from claude_gateway.types.usage import NOTHING, Usage


@dataclass(slots=True)
class Run:
    """The account of one turn. Times are seconds of a monotonic clock.

    The engine fills it while the model answers; observers read it. `fallback` and `served_backend`
    are set when another model than `model` answered, `served_model` is what upstream calls it.

    A turn may take several calls of the model, its rounds: `rounds` holds what each one used, also
    one that broke off, and `usage` is their sum. Prices can depend on the size of one prompt, so a
    cost is the sum of what the rounds cost.

    `forgot_thinking` is set when earlier thinking did not reach the model: it was dropped upstream,
    or left out because upstream rejected it. `parked` is set while a person is asked about its calls: then
    it has ended for its observers, and begins again, with the account it had, when it goes on.
    """

    id: str
    principal: Principal
    model: str
    backend: str
    request_id: str
    stream: bool
    started: float
    first_token: float | None = None
    ended: float | None = None
    served_model: str | None = None
    usage: Usage = NOTHING
    stop_reason: str | None = None
    complete: bool = False
    retries: int = 0
    error: str | None = None
    deadline: float | None = None
    served_backend: str | None = None
    fallback: str | None = None
    rounds: tuple[Usage, ...] = ()
    forgot_thinking: bool = False
    parked: bool = False
