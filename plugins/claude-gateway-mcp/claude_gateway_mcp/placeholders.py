"""`${VAR}` and `${VAR:-default}` in a configuration, as other clients of MCP read them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_gateway_mcp.mistakes import Mistake

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
INSIDE = re.compile(
    r"(?:env:)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<or>:-(?P<default>.*))?", re.DOTALL
)
UNSET = "asks for the variable"
LEAST_SECRET = 6  # characters; what is shorter would be masked in every other word


class Placeholders:
    """Fills in variables, and remembers what they held: it may be secret."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.seen: set[str] = set()

    def filled(self, text: str, field: str) -> str:
        """Return `text` with its placeholders filled in. Raises Mistake, which names the variable."""
        return PLACEHOLDER.sub(lambda found: self._value(found[1], field), text)

    def _value(self, inside: str, field: str) -> str:
        parts = INSIDE.fullmatch(inside)
        if parts is None:
            raise Mistake(field, "has a placeholder that is neither ${NAME} nor ${NAME:-default}")
        name = parts["name"]
        if is_the_gateways(name):
            raise Mistake(
                field,
                f"asks for ${{{name}}}, which is the gateway's own; use a variable of its own",
            )
        value = self._variables.get(name, "")
        if not value and parts["or"] is None:
            raise Mistake(field, f"{UNSET} {name}, which is not set")
        if len(value) >= LEAST_SECRET:
            self.seen.add(value)
        return value or parts["default"] or ""


def is_the_gateways(name: str) -> bool:
    """Whether a variable is a setting or key of the gateway, which no server is ever given."""
    return name.upper().startswith(("GATEWAY_", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"))
