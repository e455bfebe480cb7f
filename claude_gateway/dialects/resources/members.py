"""Members of projects, as clients send and read them."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.fields import optional, wrong
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.types.sharing import ROLES, Member, Role


def read_role(fields: Mapping[str, object]) -> Role:
    """Read what somebody shall be. Raises InvalidRequest."""
    given = optional(fields, "role", str)
    if given not in ROLES:
        wrong("role", f"must be one of {', '.join(ROLES)}", code="unsupported_value")
    return given


def written(member: Member) -> dict[str, object]:
    """A member as clients read it."""
    return {"user": member.user, "role": member.role, "since": moment(member.since)}
