"""How much a caller may use: requests and tokens by the minute, turns at the same time.

A key has its own limits, and so may a user; for other users the same ones hold. Both are asked, and
nothing is counted unless all agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from claude_gateway.access.windows import Window
from claude_gateway.errors import RateLimited
from claude_gateway.types.permits import Permit
from claude_gateway.types.principals import UNLIMITED, Limits, Principal

PAUSE = 2.0  # seconds after which to try again when a turn has to end first


@dataclass(frozen=True, slots=True)
class Quota:
    """What may be used in a minute, what is left of that, and in how many seconds all of it will be."""

    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True)
class Admission:
    """What was decided: a refusal, or leave; and where the caller stands now.

    `withdraw` takes back what was counted, for a request that is counted elsewhere; None when nothing was.
    """

    requests: Quota | None = None
    tokens: Quota | None = None
    permit: Permit | None = None
    refusal: RateLimited | None = None
    withdraw: Callable[[], None] | None = None


class Limiter(Protocol):
    """Decides about requests. It may have to ask others, so it may take a moment."""

    def concerns(self, who: Principal) -> bool:
        """Whether anything limits this caller; others need not be asked about."""
        ...

    async def admit(self, who: Principal, turn: int | None = None) -> Admission:
        """Count a request, and refuse it where it is too much.

        `turn` is a guess at the tokens of a turn that it asks for, None where it asks for none.
        """
        ...


class _Use:
    """What one key, or one user, has used and is using."""

    __slots__ = ("requests", "tokens", "turns")

    def __init__(self) -> None:
        self.requests = Window()
        self.tokens = Window()
        self.turns = 0


@dataclass(frozen=True, slots=True)
class _Party:
    """Whose use it is, in words and in figures, and its limits."""

    words: str
    use: _Use
    limits: Limits

    def refusal(self, turn: int | None, now: float) -> RateLimited | None:
        """Return why not, or None."""
        limits, use = self.limits, self.use
        if limits.rpm is not None and (wait := use.requests.wait(1, limits.rpm, now)):
            return self._too_fast(f"{limits.rpm} requests", wait)
        if turn is None:
            return None
        if limits.max_concurrent is not None and use.turns >= limits.max_concurrent:
            return RateLimited(
                f"{self.words} may have {limits.max_concurrent} answers made at the same time; wait "
                "for one to end.",
                code="too_many_concurrent",
                retry_after=PAUSE,
            )
        if limits.tpm is not None and (wait := use.tokens.wait(turn, limits.tpm, now)):
            return self._too_fast(f"{limits.tpm} tokens", wait)
        return None

    def _too_fast(self, what: str, wait: float) -> RateLimited:
        return RateLimited(
            f"{self.words} may use {what} a minute; try again in {max(1, round(wait))} s.",
            code="rate_limit_exceeded",
            retry_after=max(wait, 1.0),
        )


class _Permit:
    """One turn, with the tokens that were guessed for it."""

    __slots__ = ("_clock", "_guess", "_over", "_parties", "_then", "kept")

    def __init__(
        self, parties: list[_Party], guess: int, then: float, clock: Callable[[], float]
    ) -> None:
        self.kept = False
        self._parties = parties
        self._guess = guess
        self._then = then
        self._clock = clock
        self._over = False
        for party in parties:
            party.use.turns += 1
            party.use.tokens.add(guess, then)

    def over(self, tokens: int) -> None:
        if self._over:
            return
        self._over = True
        now = self._clock()
        for party in self._parties:
            party.use.turns -= 1
            party.use.tokens.correct(tokens - self._guess, self._then, now)


class LocalLimiter:
    """Counts in this process. Whoever comes in without a key is not limited."""

    def __init__(
        self, of_users: Limits = UNLIMITED, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`of_users` are what every user may use, with all of their keys, who has no limits of their own."""
        self._of_users = of_users
        self._clock = clock
        self._uses: dict[tuple[str, str], _Use] = {}

    def concerns(self, who: Principal) -> bool:
        return (
            who.limits is not UNLIMITED
            or self._of_users is not UNLIMITED
            or who.user_limits is not UNLIMITED
        )

    async def admit(self, who: Principal, turn: int | None = None) -> Admission:
        now, parties = self._clock(), list(self._parties(who))
        for party in parties:
            refusal = party.refusal(turn, now)
            if refusal is not None:
                return Admission(*_quotas(parties, now), refusal=refusal)
        for party in parties:
            if party.limits.rpm is not None:
                party.use.requests.add(1, now)
        permit = None if turn is None else _Permit(parties, turn, now, self._clock)
        withdraw = partial(self._withdraw, parties, now, permit)
        return Admission(*_quotas(parties, now), permit=permit, withdraw=withdraw)

    def _withdraw(self, parties: list[_Party], then: float, permit: Permit | None) -> None:
        now = self._clock()
        for party in parties:
            if party.limits.rpm is not None:
                party.use.requests.correct(-1, then, now)
        if permit is not None:
            permit.over(0)

    def _parties(self, who: Principal) -> Iterator[_Party]:
        if who.limits is not UNLIMITED:
            yield _Party("This key", self._use("key", who.key_id or who.id), who.limits)
        of_user = _own_or(who.user_limits, self._of_users)
        if of_user is not UNLIMITED:
            yield _Party("A user", self._use("user", who.id), of_user)

    def _use(self, kind: str, id_: str) -> _Use:
        found = self._uses.get((kind, id_))
        if found is None:
            found = self._uses[kind, id_] = _Use()
        return found


def _own_or(own: Limits, others: Limits) -> Limits:
    """Return a user's own limits; those that they leave open are everybody's."""
    if own is UNLIMITED or others is UNLIMITED:
        return others if own is UNLIMITED else own
    return Limits(
        rpm=others.rpm if own.rpm is None else own.rpm,
        tpm=others.tpm if own.tpm is None else own.tpm,
        max_concurrent=others.max_concurrent if own.max_concurrent is None else own.max_concurrent,
    )


def _quotas(parties: list[_Party], now: float) -> tuple[Quota | None, Quota | None]:
    """Return the tightest of each kind."""
    requests = [(p.use.requests, p.limits.rpm) for p in parties if p.limits.rpm is not None]
    tokens = [(p.use.tokens, p.limits.tpm) for p in parties if p.limits.tpm is not None]
    return _tightest(requests, now), _tightest(tokens, now)


def _tightest(windows: list[tuple[Window, int]], now: float) -> Quota | None:
    quotas = [
        Quota(most, max(most - window.used(now), 0), window.wait(most, most, now))
        for window, most in windows
    ]
    return min(quotas, key=lambda quota: quota.remaining, default=None)
