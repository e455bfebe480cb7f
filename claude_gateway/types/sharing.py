"""Who asks, and among whose things: projects that are shared, and keys that reach some projects only.

Ids are each owner's own, so what is somebody else's is called by an address that says whose it is,
`~owner~id`. No id that a client may choose begins with `~`: an address is never taken for an id of
one's own, and an id of one's own never leads to somebody else's.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from claude_gateway.types.values import value

# Each may do what those before it may.
Role: TypeAlias = Literal["viewer", "editor", "owner"]
ROLES: tuple[Role, ...] = get_args(Role)

MARK = "~"


@value
class Visitor:
    """Somebody (`id`) among the things of `owner`, who may be the same one.

    `projects` are all that the key reaches, as its user calls them; None is every one. `key_id` is the
    key, None where the gateway has not issued it: what is in no project is seen by the key that made it.
    """

    id: str
    owner: str
    projects: frozenset[str] | None = None
    key_id: str | None = None

    @property
    def is_guest(self) -> bool:
        """Whether the things are somebody else's."""
        return self.id != self.owner

    def calls(self, id_: str) -> str:
        """Return what this visitor calls a thing of the owner's."""
        return address(self.owner, id_) if self.is_guest else id_

    def reaches(self, project_id: str) -> bool:
        """Whether the key reaches this project of the owner's."""
        return self.projects is None or self.calls(project_id) in self.projects

    @property
    def own_projects(self) -> tuple[str, ...] | None:
        """Which of the visitor's own projects the key reaches, in order; None is every one."""
        if self.projects is None:
            return None
        return tuple(sorted(name for name in self.projects if not name.startswith(MARK)))


# Who asks a store: an owner's id, who has all that is theirs, or a visitor, of whom more is asked.
Who: TypeAlias = str | Visitor


@value
class Member:
    """Somebody a project is shared with. `user` is the id of a Principal, `since` seconds since 1970."""

    user: str
    role: Role
    since: float


def whose(who: Who) -> str:
    """Return whose things are meant."""
    return who if isinstance(who, str) else who.owner


def asker(who: Who) -> str:
    """Return who asks."""
    return who if isinstance(who, str) else who.id


def address(owner: str, id_: str) -> str:
    """Return what everybody else calls a thing of this owner's."""
    return f"{MARK}{owner}{MARK}{id_}"


def addressed(given: str) -> tuple[str, str] | None:
    """Return the owner and the id of an address; None for what is none."""
    mark, owner, id_ = given[:1], *given[1:].partition(MARK)[::2]
    return (owner, id_) if mark == MARK and owner and id_ else None
