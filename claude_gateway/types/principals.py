"""Who is asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from claude_gateway.types.secrets import Secret

OWNER_ID = "owner"

# What a budget is for; days and months are those of UTC.
Period: TypeAlias = Literal["day", "month", "total"]
Scope: TypeAlias = Literal["chat", "read", "tools", "mcp:manage", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
ALL_SCOPES = frozenset(SCOPES)
# What an app needs: to chat, to see what was said, to have tools run.
APP_SCOPES: frozenset[Scope] = frozenset({"chat", "read", "tools"})


class Credential:
    """What a caller presented: one key, and whether it came from this very machine.

    `local` is found out when somebody asks, because hardly anybody does. `doubted` says that many
    wrong ones came from the same address: whoever would have to ask far away need not.
    """

    __slots__ = ("_is_local", "doubted", "secret")

    def __init__(
        self, secret: Secret, is_local: Callable[[], bool] = bool, *, doubted: bool = False
    ) -> None:
        """`is_local` is called for each look at `local`; the default says no."""
        self.secret = secret
        self.doubted = doubted
        self._is_local = is_local

    @property
    def local(self) -> bool:
        """Whether the request surely comes from this machine's own user."""
        return self._is_local()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a key may use; None does not limit. `budget` is in US dollars.

    It is for each `budget_period`; None is all of the key's life. Requests and tokens are counted by the minute, `max_concurrent` is requests at the same time.
    """

    rpm: int | None = None
    tpm: int | None = None
    max_concurrent: int | None = None
    budget: Decimal | None = None
    budget_period: Period | None = None


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Principal:
    """A recognised caller. `id` is stable and owns things; `name` is for people.

    Two keys of one user have the same `id`; `key_id` says which it was, None where it was none that
    the gateway has issued. `scopes` are what may be done at all, and `models` with which models, by name
    or pattern; None is all. `limits` are how much, of the key's own; `user_limits` those of its user, with
    all keys, where they are the user's own and not everybody's. `projects` are all that may
    be seen and touched, None is every one; those that others share are called by their addresses.

    `upstream_key` is set for callers who bring their own upstream key: their calls are made, and
    paid for, with it. `on_disconnect` is what becomes of their answers when the connection breaks
    and the request does not say; None is the gateway's own rule. `tool_servers` and `tools` are what
    they may use of the tools that the gateway runs, by ids of servers and names of tools, on the wire
    or their server's; None is all. `profile` names the client profile of whatever they ask, where
    they do not name another one.
    """

    id: str
    name: str
    upstream_key: Secret | None = field(default=None, repr=False)
    on_disconnect: Literal["cancel", "detach"] | None = None
    tool_servers: frozenset[str] | None = None
    tools: frozenset[str] | None = None
    profile: str | None = None
    scopes: frozenset[Scope] = APP_SCOPES
    models: frozenset[str] | None = None
    projects: frozenset[str] | None = None
    limits: Limits = UNLIMITED
    key_id: str | None = None
    user_limits: Limits = UNLIMITED


OWNER = Principal(OWNER_ID, "local owner", scopes=ALL_SCOPES)
