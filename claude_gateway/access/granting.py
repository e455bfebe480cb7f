"""Nobody gives away more than they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from claude_gateway.errors import Forbidden
from claude_gateway.types.keys import Key, User
from claude_gateway.types.principals import ALL_SCOPES, OWNER_ID, UNLIMITED, Principal

# Fields of a key that narrow, what a Principal calls them, and what clients do.
SETS = {"models": "models", "tools": "tools", "tool_servers": "servers", "projects": "projects"}
LIMITS = ("rpm", "tpm", "max_concurrent", "budget")


def check_grant(maker: Principal, key: Key, changes: Mapping[str, object] | None = None) -> None:
    """Refuse a key, as it is or would be, that may do more than whoever makes or changes it.

    A key that reaches the owner's things is made by the owner, or with all scopes. Raises Forbidden
    naming the field.
    """
    for one in (key, replace(key, **(changes or {}))):  # type: ignore[arg-type]
        _check(maker, one)


def check_limits(maker: Principal, user: User) -> None:
    """Refuse that somebody with limits changes their own. Raises Forbidden."""
    if maker.user_limits is not UNLIMITED and user.id == maker.id:
        raise Forbidden(
            "Your own user has limits, so your keys cannot change them.", code="grant_exceeded"
        )


def _check(maker: Principal, key: Key) -> None:
    if more := key.scopes - maker.scopes:
        _refuse("scopes", f"the scope {min(more)}")
    _check_user(maker, key)
    for field, name in SETS.items():
        own, wanted = getattr(maker, field), getattr(key, field)
        if own is not None and (wanted is None or not wanted <= own):
            _refuse(name, f"other {name}")
    for name in LIMITS:
        most, asked = getattr(maker.limits, name), getattr(key.limits, name)
        if most is not None and (asked is None or asked > most):
            _refuse(name, f"more than {most}")
    period = maker.limits.budget_period or "total"
    if maker.limits.budget is not None and key.limits.budget_period not in (None, period):
        _refuse("budget", f"a budget for each {key.limits.budget_period}")


def _check_user(maker: Principal, key: Key) -> None:
    if key.user == OWNER_ID and maker.id != OWNER_ID and maker.scopes != ALL_SCOPES:
        _refuse("user", "what the owner has")
    if maker.user_limits is not UNLIMITED and key.user != maker.id:
        _refuse("user", "another user's limits")


def _refuse(field: str, what: str) -> None:
    raise Forbidden(
        f"{field}: your own key does not have {what}, so it cannot give that to another one.",
        code="grant_exceeded",
        param=field,
    )
