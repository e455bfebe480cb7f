"""Whose things are meant, where somebody asks about another: a user by id or name, or whoever owns things."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from claude_gateway.access.keyring import Keyring
from claude_gateway.errors import NotFound
from claude_gateway.key_stores import as_key_store
from claude_gateway.spending_stores import as_usage_store
from claude_gateway.stores import Store
from claude_gateway.types.resources import Page, SessionFilter
from claude_gateway.types.spending import UsageFilter
from claude_gateway.types.trust import AuditFilter

# How the ids begin of owners whom no store keeps: callers with keys of the settings, or with their own.
KEPT_NOWHERE = ("app_", "byok_")
ONE = Page(1)
EVER = (date.min.isoformat(), date.max.isoformat())


async def owner_named(store: Store, name: str) -> str:
    """Return the id of an owner: of a user by id or name, of a key that is no user's by id.

    Others, whom a plugin lets in, are known by what they have. Raises NotFound for a name that is nobody's.
    """
    keeper = as_key_store(store)
    if keeper is None:
        return name
    with suppress(NotFound):
        return await Keyring(keeper).member(name)
    if name.startswith(KEPT_NOWHERE) or await _has_something(store, name):
        return name
    raise NotFound(
        f"Nobody is called {name[:100]!r}. An owner is a user, by id or name, or a key without a user, by id.",
        code="owner_not_found",
        param="owner",
    )


async def _has_something(store: Store, owner: str) -> bool:
    kept = (
        await store.list_projects(owner, ONE),
        await store.list_sessions(owner, ONE, SessionFilter()),
        await store.list_audit(owner, ONE, AuditFilter()),
    )
    if any(listing.total for listing in kept):
        return True
    usage = as_usage_store(store)
    return usage is not None and (await usage.usage_sum(UsageFilter(*EVER, owner))).runs > 0
