"""Users, and the keys that the gateway issues. Nothing here is a key, or can be made into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from claude_gateway.types.principals import (
    APP_SCOPES,
    OWNER_ID,
    UNLIMITED,
    Limits,
    Principal,
    Scope,
)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with keys: all of them see the same things. Times are seconds since 1970.

    `limits` are the user's own, with all keys; what they leave open is as for everybody.
    """

    id: str
    name: str
    created_at: float
    disabled_at: float | None = None
    limits: Limits = UNLIMITED


# There from the start: whoever comes in from this machine, or with the gateway's own key.
OWNER_USER = User(OWNER_ID, "owner", 0.0)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was issued, and what it may do; None does not narrow.

    `hint` is how its secret begins, for people who look for it. A key without a `user` (an id) is an
    owner of its own. `models` are names, patterns such as `claude-haiku-*` as well; the others are as
    in Principal. Times are seconds since 1970.
    """

    id: str
    name: str
    hint: str
    created_at: float
    user: str | None = None
    scopes: frozenset[Scope] = APP_SCOPES
    models: frozenset[str] | None = None
    tools: frozenset[str] | None = None
    tool_servers: frozenset[str] | None = None
    projects: frozenset[str] | None = None
    profile: str | None = None
    on_disconnect: Literal["cancel", "detach"] | None = None
    limits: Limits = UNLIMITED
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None

    @property
    def owner(self) -> str:
        """Whose things it reaches."""
        return self.user or self.id

    def principal(self, user_limits: Limits = UNLIMITED) -> Principal:
        """Return who comes in with it; `user_limits` are those of its user."""
        return Principal(
            self.owner,
            self.name,
            on_disconnect=self.on_disconnect,
            tool_servers=self.tool_servers,
            tools=self.tools,
            profile=self.profile,
            scopes=self.scopes,
            models=self.models,
            projects=self.projects,
            limits=_known(self.limits),
            key_id=self.id,
            user_limits=_known(user_limits),
        )


def _known(limits: Limits) -> Limits:
    """Return the very `UNLIMITED` where nothing is limited: whoever counts looks for that."""
    return UNLIMITED if limits == UNLIMITED else limits


@dataclass(frozen=True, slots=True)
class KeySecret:
    """What is kept of a key's secret: its SHA-256, and how it begins."""

    digest: bytes
    hint: str


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key, as it was found by the digest of one of its secrets.

    `until` is when this secret ends, None where that is the newest one. `disabled` says whether the
    key's user is, and `user_limits` how much that one may use.
    """

    key: Key
    digest: bytes
    until: float | None = None
    disabled: bool = False
    user_limits: Limits = UNLIMITED
