"""The door: which callers come in, and as whom."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from claude_gateway.access import places
from claude_gateway.access.throttle import Throttle
from claude_gateway.errors import Forbidden, InvalidRequest, Unauthorized
from claude_gateway.interfaces import Authenticator
from claude_gateway.types.principals import OWNER, Credential, Principal
from claude_gateway.types.secrets import Secret

LONGEST_KEY = 4096


@dataclass(frozen=True, slots=True)
class Arrival:
    """Facts of one request. `relayed` is true when a proxy stands in between, as far as is known."""

    peer: str | None
    host: str
    origin: str | None = None
    relayed: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided. `bridge` is the container's own, when it counts as local."""

    mode: str
    hosts: frozenset[str] = frozenset()
    bridge: str | None = None


class Door:
    """Asks the authenticators in order; lets the local owner in without a key."""

    def __init__(
        self,
        rules: Rules,
        authenticators: Sequence[Authenticator],
        throttle: Throttle | None = None,
    ) -> None:
        self._rules = rules
        self._authenticators = tuple(authenticators)
        self._throttle = throttle or Throttle(0, 1)

    def check_host(self, header: str) -> str:
        """Return the host's name, or refuse: an unknown name may be a rebound DNS entry."""
        name = places.host_name(header)
        if name is None:
            raise InvalidRequest("The Host header is missing or malformed.", code="invalid_host")
        if places.is_loopback_name(name) or places.is_address(name) or name in self._rules.hosts:
            return name
        raise Forbidden(
            f"This gateway does not answer to the name {name[:100]!r}. If it should, add it to "
            "GATEWAY_ALLOWED_HOSTS.",
            code="host_not_allowed",
        )

    def check_origin(self, origin: str, named: Collection[str]) -> None:
        """Refuse a page that is neither of this machine, nor the gateway's own, nor `named`."""
        name = places.origin_name(origin)
        own = name is not None and (places.is_loopback_name(name) or name in self._rules.hosts)
        if not own and origin not in named and not places.is_local_origin(origin):
            raise Forbidden(
                "Pages of this Origin may not use this. If they should, name it in "
                "GATEWAY_CORS_ORIGINS.",
                code="origin_not_allowed",
            )

    def is_local(self, arrival: Arrival) -> bool:
        """Whether the request surely comes from this machine's own user."""
        name = places.host_name(arrival.host)
        return (
            not arrival.relayed
            and arrival.peer is not None
            and (places.is_loopback_address(arrival.peer) or arrival.peer == self._rules.bridge)
            and name is not None
            and places.is_loopback_name(name)
            and (arrival.origin is None or places.is_local_origin(arrival.origin))
        )

    def admit(
        self, keys: Sequence[str], arrival: Callable[[], Arrival]
    ) -> Coroutine[Any, Any, Principal]:
        """Say who is asking. Raises Unauthorized; a key that is present must be right.

        A wrong one too many from the same address is RateLimited instead. `arrival` is asked for the
        facts only when they decide something.
        """
        return self._keyed(keys, arrival) if keys else self._keyless(arrival)

    async def _keyless(self, arrival: Callable[[], Arrival]) -> Principal:
        if self._rules.mode == "open" or (self._rules.mode == "local" and self.is_local(arrival())):
            return OWNER
        raise Unauthorized(
            "This needs an API key: send it as 'Authorization: Bearer <key>' or 'x-api-key: <key>'.",
            code="missing_api_key",
        )

    async def _keyed(self, keys: Sequence[str], arrival: Callable[[], Arrival]) -> Principal:
        """Recognise every one of the keys; the first says who it is."""
        found: list[Principal] = []
        doubted = not self._throttle.idle and self._throttle.doubts(arrival().peer)
        try:
            if doubted and self._throttle.was_wrong(arrival().peer, keys):
                raise _invalid()
            for key in keys:
                principal = await self._recognise(key, arrival, doubted)
                found.append(principal)
        except Unauthorized:
            too_many = self._throttle.wrong(arrival().peer, keys)
            if too_many is None:
                raise
        else:
            return found[0]
        raise too_many

    async def _recognise(
        self, key: str, arrival: Callable[[], Arrival], doubted: bool
    ) -> Principal:
        # Characters that no key has never get as far as a comparison or a look-up.
        if 0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable() and " " not in key:
            credential = Credential(Secret(key), partial(self._is_local, arrival), doubted=doubted)
            for authenticator in self._authenticators:
                principal = await authenticator.authenticate(credential)
                if principal is not None:
                    return principal
        raise _invalid()

    def _is_local(self, arrival: Callable[[], Arrival]) -> bool:
        return self.is_local(arrival())


def _invalid() -> Unauthorized:
    return Unauthorized(
        "The API key is not valid here. Check it, or ask whoever runs this gateway for one.",
        code="invalid_api_key",
    )
