"""What a store keeps of projects that are shared: who may do what in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from claude_gateway.errors import Forbidden, NotFound
from claude_gateway.types.sharing import ROLES, Member, Role, Visitor, Who


class KeepsMembers(Protocol):
    """The members of projects. An owner is always one, in no list, and cannot be changed.

    A member who is gone is refused from then on; what they have made in the project stays there. All of
    it raises NotFound for a project that the visitor may not know of, and Forbidden for a role that is
    too low. Members are forgotten with their project.
    """

    async def set_member(self, owner: Who, project_id: str, user: str, role: Role) -> Member:
        """Let somebody in, or give them another role. It needs the role `owner`."""
        ...

    async def remove_member(self, owner: Who, project_id: str, user: str) -> None:
        """Let somebody in no more. It needs the role `owner`, or to be that one. Raises NotFound."""
        ...

    async def list_members(self, owner: Who, project_id: str) -> Sequence[Member]:
        """Return all of them, in order of their ids."""
        ...


def check_role(who: Visitor, project_id: str, role: Role | None, need: Role, missing: str) -> None:
    """Let pass who may do that in a project of the owner's.

    `role` is what the project's members are told of the visitor, None when that is nobody of them; it
    is not looked at where the things are the visitor's own. Raises NotFound, with the words that are
    `missing`'s, for whoever may not know of it, and Forbidden (`role_too_low`) for a member.
    """
    has = role if who.is_guest else "owner"
    if has is None or not who.reaches(project_id):
        raise NotFound(missing)
    if ROLES.index(has) < ROLES.index(need):
        raise Forbidden(
            f"This needs the role {need} in the project; yours is {has}. Ask an owner of the project "
            "for more.",
            code="role_too_low",
        )
