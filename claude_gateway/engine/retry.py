"""Try a call again while nothing of it has reached the client."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from claude_gateway.engine.blame import CIRCUIT_OPEN
from claude_gateway.errors import GatewayError
from claude_gateway.types.runs import Run

T = TypeVar("T")

log = logging.getLogger(__name__)

# Seconds. Anthropic's own clients wait 0.5 to 8 and obey a retry-after of up to a minute; a longer
# one is the caller's to decide about.
SHORTEST, LONGEST, LONGEST_ASKED = 0.5, 8.0, 60.0


async def retried(
    call: Callable[[], Awaitable[T]],
    retries: int,
    run: Run,
    told: Callable[[Run, GatewayError], None] = lambda _run, _error: None,
) -> T:
    """Make `call`; on a failure that may pass, tell it, wait as upstream asks, make it again.

    Raises the last GatewayError when `retries` are used up.
    """
    try:
        return await call()
    except GatewayError as exc:
        failed = [exc]
    return await retried_after(failed, call, retries, run, told)


async def retried_after(
    failed: list[GatewayError],
    call: Callable[[], Awaitable[T]],
    retries: int,
    run: Run,
    told: Callable[[Run, GatewayError], None],
) -> T:
    """Go on as `retried` does after its first `call`, whose error is taken out of `failed`.

    For who makes that call itself: most never fail, and the machinery is only set up for others.
    """
    if retries < 1 or not _may_pass(failed[0]):
        raise failed.pop()

    async def again() -> T:
        if failed:
            raise failed.pop()
        run.retries += 1
        return await call()

    return await _again_and_again(again, retries, lambda error: told(run, error))


async def _again_and_again(
    again: Callable[[], Awaitable[T]], retries: int, told: Callable[[GatewayError], None]
) -> T:
    # Imported here because it takes longer to load than most starts take to serve a request.
    from tenacity import (  # noqa: PLC0415
        AsyncRetrying,
        RetryCallState,
        retry_if_exception,
        stop_after_attempt,
        wait_random_exponential,
    )

    backoff = wait_random_exponential(multiplier=SHORTEST, min=SHORTEST / 2, max=LONGEST)

    def wait(state: RetryCallState) -> float:
        exc = state.outcome.exception() if state.outcome else None
        asked = exc.retry_after if isinstance(exc, GatewayError) else None
        return asked if asked is not None else backoff(state)

    def say(state: RetryCallState) -> None:
        exc = state.outcome.exception() if state.outcome else None
        if isinstance(exc, GatewayError):
            log.warning(
                "upstream failed, trying again",
                extra={"code": exc.code, "in_s": round(state.upcoming_sleep, 3)},
            )
            told(exc)

    retrying = AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(retries + 1),
        wait=wait,
        before_sleep=say,
        reraise=True,
    )
    return await retrying(again)


def _may_pass(exc: BaseException) -> bool:
    return (
        isinstance(exc, GatewayError)
        and exc.should_retry
        and exc.code != CIRCUIT_OPEN  # it is open so that nobody asks
        and (exc.retry_after or 0) <= LONGEST_ASKED
    )
