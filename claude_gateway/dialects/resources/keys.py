"""Keys and users, as clients send and read them. Never what a key is made of, but once, when it is new."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal, cast

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.resources import budgets, spans
from claude_gateway.dialects.resources.reading import names, text
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.types.keys import Key, User
from claude_gateway.types.principals import APP_SCOPES, SCOPES, UNLIMITED, Limits, Period, Scope

LONGEST_NAME, LONGEST_USER = 100, 100
MOST = 10**12
GRACE = 86_400.0  # seconds that a key is good for after it was rotated, where nobody says
SETS = {
    "models": "models",
    "tools": "tools",
    "servers": "tool_servers",
    "projects": "projects",
}
COUNTS = ("rpm", "tpm", "max_concurrent")


def read(fields: Mapping[str, object]) -> Key:
    """Read a new key. Raises InvalidRequest naming the field that is wrong."""
    wanted = {"name": None, **fields}
    user = text(fields, "user", LONGEST_USER, least=1)
    return Key("", hint="", created_at=0.0, user=user, **read_changes(wanted))  # type: ignore[arg-type]


def read_changes(fields: Mapping[str, object], before: Limits = UNLIMITED) -> dict[str, object]:
    """Read what shall be otherwise; null is what a new key without the field has.

    `before` are the limits of now, of which only those are replaced that are given.
    """
    changes: dict[str, object] = {
        field: _set(fields, key) for key, field in SETS.items() if key in fields
    }
    readers: Mapping[str, Callable[[Mapping[str, object]], object]] = {
        "name": _name,
        "scopes": _scopes,
        "profile": lambda given: text(given, "profile", LONGEST_NAME, least=1),
        "on_disconnect": _on_disconnect,
    }
    changes |= {key: reader(fields) for key, reader in readers.items() if key in fields}
    if "expires" in fields:
        changes["expires_at"] = _expires(fields)
    limits = _limits(fields, before)
    if limits != before:
        changes["limits"] = limits
    return changes


def read_grace(fields: Mapping[str, object]) -> float:
    """Read how many seconds the old secret of a key shall be good for."""
    given = text(fields, "grace", 20)
    if given is None:
        return GRACE
    grace = spans.seconds(given)
    if grace is None:
        wrong("grace", f"must be a span such as 0s, 12h or 7d, not {given!r}")
    return float(grace)


def read_user(fields: Mapping[str, object]) -> str:
    """Read the name of a new user."""
    return _name(fields)


def read_user_limits(fields: Mapping[str, object], before: Limits = UNLIMITED) -> Limits:
    """Read how much a user may use; what is not given stays as `before`, and null is as for everybody."""
    limits = _limits({name: fields[name] for name in COUNTS if name in fields}, before)
    return UNLIMITED if limits == UNLIMITED else limits


def read_disabled(fields: Mapping[str, object]) -> bool | None:
    """Read whether a user shall be disabled; None where that stays as it is."""
    if not {"disabled", *COUNTS} & fields.keys():
        return required(fields, "disabled", bool)
    return required(fields, "disabled", bool) if "disabled" in fields else None


def written(key: Key) -> dict[str, object]:
    """A key as people may see it."""
    limits = key.limits
    return {
        "id": key.id,
        "name": key.name,
        "hint": f"{key.hint}…",
        "user": key.user,
        "status": status(key),
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        **{name: _sorted(getattr(key, field)) for name, field in SETS.items()},
        "profile": key.profile,
        "on_disconnect": key.on_disconnect,
        **{name: getattr(limits, name) for name in COUNTS},
        "budget": budgets.short(limits.budget, limits.budget_period),
        "created_at": moment(key.created_at),
        "expires_at": _when(key.expires_at),
        "revoked_at": _when(key.revoked_at),
        "last_used_at": _when(key.last_used_at),
    }


def status(key: Key) -> Literal["active", "expired", "revoked"]:
    """Whether a key opens anything."""
    if key.revoked_at is not None:
        return "revoked"
    over = key.expires_at is not None and key.expires_at <= time.time()
    return "expired" if over else "active"


def written_user(user: User) -> dict[str, object]:
    """A user as people may see it. The owner was there before anybody wrote down when."""
    return {
        "id": user.id,
        "name": user.name,
        "status": "active" if user.disabled_at is None else "disabled",
        "created_at": moment(user.created_at) if user.created_at else None,
        "disabled_at": _when(user.disabled_at),
        **{name: getattr(user.limits, name) for name in COUNTS},
    }


def _name(fields: Mapping[str, object]) -> str:
    name = text(fields, "name", LONGEST_NAME, least=1)
    if name is None:
        wrong("name", "is required and must be a string", code="missing_field")
    return name


def _scopes(fields: Mapping[str, object]) -> frozenset[Scope]:
    given = names(fields, "scopes")
    if given is None:
        return APP_SCOPES
    if not given:
        wrong("scopes", "must have at least one entry")
    for i, scope in enumerate(given):
        if scope not in SCOPES:
            wrong(f"scopes[{i}]", f"must be one of {', '.join(SCOPES)}, not {scope[:50]!r}")
    return frozenset(cast("tuple[Scope, ...]", given))


def _set(fields: Mapping[str, object], key: str) -> frozenset[str] | None:
    given = names(fields, key)
    return None if given is None else frozenset(given)


def _on_disconnect(fields: Mapping[str, object]) -> str | None:
    given = optional(fields, "on_disconnect", str)
    if given not in (None, "cancel", "detach"):
        wrong("on_disconnect", "must be cancel or detach")
    return given


def _expires(fields: Mapping[str, object]) -> float | None:
    given = optional(fields, "expires", str)
    return None if given is None else spans.end(given, time.time(), "expires")


def _limits(fields: Mapping[str, object], before: Limits) -> Limits:
    values: dict[str, int | None] = {
        name: _count(fields, name) if name in fields else getattr(before, name) for name in COUNTS
    }
    budget, period = before.budget, before.budget_period
    if "budget" in fields:
        budget, period = _budget(fields)
    return Limits(**values, budget=budget, budget_period=period)


def _count(fields: Mapping[str, object], key: str) -> int | None:
    value = optional(fields, key, int)
    if value is not None and not 1 <= value <= MOST:
        wrong(key, f"must be a whole number from 1 to {MOST}")
    return value


def _budget(fields: Mapping[str, object]) -> tuple[Decimal | None, Period | None]:
    """Read dollars in all, or a text such as 5/day."""
    value = fields.get("budget")
    if value is None:
        return None, None
    if not isinstance(value, str):
        return budgets.dollars(expect(value, float, "budget"), "budget"), None
    return budgets.read_short(value, "budget")


def _sorted(names_: frozenset[str] | None) -> list[str] | None:
    return None if names_ is None else sorted(names_)


def _when(seconds: float | None) -> str | None:
    return None if seconds is None else moment(seconds)
