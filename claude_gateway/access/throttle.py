"""Wrong keys, counted by the address that sent them."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from claude_gateway.access.peers import neighbourhood
from claude_gateway.errors import RateLimited

log = logging.getLogger(__name__)

MOST_ADDRESSES, MOST_KEYS = 10_000, 8
NOBODY = "unknown"  # a peer without an address, as on a socket of this machine


@dataclass(slots=True)
class Tally:
    """The wrong keys of one address: how many since when, and digests of some."""

    began: float
    count: int = 0
    seen: set[bytes] = field(default_factory=set)


class Throttle:
    """Says when somebody has sent too many wrong keys: more than `most` in `window` seconds.

    Memory is bounded: of too many addresses, the one that was wrong longest ago is forgotten.
    """

    def __init__(
        self, most: int, window: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._window = window
        self._clock = clock
        self._tallies: OrderedDict[str, Tally] = OrderedDict()
        self._pepper = os.urandom(16)

    @property
    def idle(self) -> bool:
        """Whether nobody was wrong lately; until then no address need be found out."""
        return not self._tallies

    def doubts(self, peer: str | None) -> bool:
        """Whether this peer has sent as many as it may."""
        tally = self._of(neighbourhood(peer or NOBODY))
        return tally is not None and tally.count >= self._most

    def was_wrong(self, peer: str | None, keys: Sequence[str]) -> bool:
        """Whether this peer sends again what was wrong before, as far as that is remembered."""
        tally = self._of(neighbourhood(peer or NOBODY))
        return tally is not None and any(self._digest(key) in tally.seen for key in keys)

    def wrong(self, peer: str | None, keys: Sequence[str]) -> RateLimited | None:
        """Count a wrong attempt; return the error for one too many."""
        if self._most == 0:
            return None
        name = neighbourhood(peer or NOBODY)
        tally = self._of(name)
        if tally is None:
            tally = self._tallies[name] = Tally(self._clock())
            if len(self._tallies) > MOST_ADDRESSES:
                self._tallies.popitem(last=False)
        self._tallies.move_to_end(name)
        tally.count += 1
        if len(keys) == 1 and len(tally.seen) < MOST_KEYS:  # of several, which one was wrong?
            tally.seen.add(self._digest(keys[0]))
        if tally.count <= self._most:
            return None
        if tally.count == self._most + 1:
            log.warning("too many wrong keys", extra={"peer": name, "seconds": self._window})
        return self._too_many(tally)

    def _of(self, name: str) -> Tally | None:
        tally = self._tallies.get(name)
        if tally is not None and self._clock() - tally.began >= self._window:
            del self._tallies[name]
            return None
        return tally

    def _too_many(self, tally: Tally) -> RateLimited:
        return RateLimited(
            "Too many wrong API keys came from this address. Check the key, and try again later.",
            code="too_many_wrong_keys",
            retry_after=max(1.0, tally.began + self._window - self._clock()),
            should_retry=False,
        )

    def _digest(self, key: str) -> bytes:
        raw = key.encode(errors="surrogatepass")
        return hashlib.blake2b(raw, digest_size=16, key=self._pepper).digest()
