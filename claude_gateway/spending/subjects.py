"""Whose budget is meant: found by id, or by name where people use that."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from claude_gateway.access.keyring import Keyring
from claude_gateway.access.owners import owner_named
from claude_gateway.errors import NotFound
from claude_gateway.key_stores import as_key_store
from claude_gateway.stores import Store
from claude_gateway.types.budgets import BudgetName
from claude_gateway.types.resources import DEFAULT_PROJECT

# How the ids begin of callers who own things without being users: keys, and whoever brings their own.
OWNERS = ("key_", "byok_", "app_")


@dataclass(frozen=True, slots=True)
class Subjects:
    """Looks into a store."""

    store: Store

    async def found(self, name: BudgetName) -> BudgetName:
        """Return the name with ids in it. Raises NotFound when there is no such thing."""
        name = await self._with_ids(name)
        if name.kind == "session":
            await self.store.get_session(name.owner, name.subject)
        elif name.kind == "project" and name.subject != DEFAULT_PROJECT:
            await self.store.get_project(name.owner, name.subject)
        return name

    async def known(self, name: BudgetName) -> BudgetName:
        """The same for a budget that is there already, whose subject may be gone."""
        with suppress(NotFound):
            return await self._with_ids(name)
        return name

    async def _with_ids(self, name: BudgetName) -> BudgetName:
        if name.kind == "user":
            return name._replace(subject=await self._user(name.subject))
        if name.kind == "key":
            return name._replace(subject=await self._key(name.subject))
        return name._replace(owner=await owner_named(self.store, name.owner))

    async def _user(self, name: str) -> str:
        keeper = as_key_store(self.store)
        if keeper is None or name.startswith(OWNERS):
            return name
        return (await Keyring(keeper).user(name)).id

    async def _key(self, name: str) -> str:
        keeper = as_key_store(self.store)
        if keeper is None:
            raise NotFound("The store of this gateway keeps no keys.", param="id")
        return (await Keyring(keeper).key(name)).id
