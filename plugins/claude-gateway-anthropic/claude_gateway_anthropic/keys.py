"""Several keys of the operator's: which one a call goes by, and which are left alone for a while."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from claude_gateway import RateLimited, Secret

# Upstream's limits are by model, and counting tokens has one of its own.
Scope: TypeAlias = tuple[str, str]


class Key:
    """One key: what is known of it, and until when (seconds of the clock) it is not used."""

    __slots__ = (
        "_aside_until",
        "_rests",
        "answered",
        "busy",
        "label",
        "refused",
        "secret",
        "weighed",
    )

    def __init__(self, secret: Secret, label: str) -> None:
        """`label` is for people; nothing of the key is in it."""
        self.secret = secret
        self.label = label
        self.busy = self.answered = 0
        self.refused = 0
        self.weighed = hashlib.blake2b(secret.reveal().encode(), digest_size=32).digest()
        self._aside_until = 0.0
        self._rests: dict[Scope, float] = {}

    def weight(self, conversation: bytes) -> bytes:
        """Return how much this conversation is drawn to this key, whatever other keys there are."""
        return hashlib.blake2b(conversation, digest_size=8, key=self.weighed).digest()

    def aside(self, now: float) -> bool:
        """Whether upstream has lately refused it altogether."""
        return now < self._aside_until

    def rest_left(self, scope: Scope, now: float) -> float:
        """Return for how many seconds it rests; 0 if it does not."""
        return max(0.0, self._rests.get(scope, now) - now)

    def rest(self, scope: Scope, now: float, seconds: float) -> None:
        """Leave it alone where it has reached a limit."""
        rests = {other: until for other, until in self._rests.items() if until > now}
        self._rests = {**rests, scope: now + seconds}

    def put_aside(self, status: int, now: float, seconds: float) -> None:
        """Leave it alone altogether, because it was refused with `status`."""
        self.refused, self._aside_until = status, now + seconds

    def take_back(self) -> None:
        """Use it again."""
        self.refused, self._aside_until = 0, 0.0

    def told(self, now: float) -> str:
        """Say how it is doing."""
        state = "ready"
        rest = max(self._rests.values(), default=0.0) - now
        if self.aside(now):
            left = math.ceil(self._aside_until - now)
            state = f"refused with {self.refused}, put aside for {left} s"
        elif rest > 0:
            state = f"at a limit, rests for {math.ceil(rest)} s"
        return f"{self.label}: {state}, answered {self.answered}"


class KeyRing:
    """All keys. A conversation is drawn to one of them, and to the next while that one rests.

    Which one that is follows from the conversation and the keys alone (rendezvous hashing): it is
    the same after a restart, and a key that comes or goes moves nobody else's conversations.
    """

    def __init__(
        self, secrets: Sequence[Secret], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self.keys = tuple(
            Key(secret, f"key {i} of {len(secrets)}") for i, secret in enumerate(secrets, 1)
        )

    def choose(self, conversation: bytes, scope: Scope, *, tied: bool) -> Key:
        """Return the key to use. Raises RateLimited when there is none before a while.

        `tied`: whether another key would cost the conversation something. If not, the key with the
        fewest calls under way is as good.
        """
        free = self._free(scope)
        if not free:
            if (left := self.soonest(scope)) is not None:
                raise all_rest(left)
            # Refused, all of them: ask all the same, for that is how it shows that one works again.
            free = self.keys
        return max(free, key=lambda key: (0 if tied else -key.busy, key.weight(conversation)))

    def any_free(self, scope: Scope) -> bool:
        """Whether there is a key for another attempt right now."""
        return bool(self._free(scope))

    def soonest(self, scope: Scope) -> float | None:
        """Return after how many seconds the first key has rested; None when all are put aside."""
        now = self._clock()
        left = [key.rest_left(scope, now) for key in self.keys if not key.aside(now)]
        return min(left, default=None)

    def first(self) -> Key:
        """Return a key for a call that belongs to no conversation."""
        now = self._clock()
        return next((key for key in self.keys if not key.aside(now)), self.keys[0])

    def rest(self, key: Key, scope: Scope, seconds: float) -> None:
        """Note that it has reached a limit."""
        key.rest(scope, self._clock(), seconds)

    def put_aside(self, key: Key, status: int, seconds: float) -> bool:
        """Note that upstream does not accept it; return whether that is new."""
        now = self._clock()
        new = not key.aside(now)
        key.put_aside(status, now, seconds)
        return new

    def told(self) -> tuple[bool, str]:
        """Say whether any key is good for something, and how each is doing."""
        now = self._clock()
        useful = any(not key.aside(now) for key in self.keys)
        return useful, "; ".join(key.told(now) for key in self.keys)

    def _free(self, scope: Scope) -> Sequence[Key]:
        now = self._clock()
        return [k for k in self.keys if not k.aside(now) and not k.rest_left(scope, now)]


def all_rest(left: float) -> RateLimited:
    """Say that upstream's limit was reached on every key."""
    return RateLimited(
        f"Upstream's limit is reached on every key of this gateway. Try again in "
        f"{math.ceil(left)} s.",
        retry_after=left,
    )
