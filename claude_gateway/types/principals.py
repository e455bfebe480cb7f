"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass, field

from claude_gateway.types.secrets import Secret

OWNER_ID = "owner"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller presented: one key, and whether it came from this very machine."""

    secret: Secret
    local: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """A recognised caller. `id` is stable and owns things; `name` is for people.

    `upstream_key` is set for callers who bring their own upstream key: their calls are made, and
    paid for, with it.
    """

    id: str
    name: str
    upstream_key: Secret | None = field(default=None, repr=False)


OWNER = Principal(OWNER_ID, "local owner")
