"""What a tool is called where the tools of all servers are together."""

from __future__ import annotations

from claude_gateway.naming import fits, made_name

BETWEEN = "__"
LONGEST = 64  # characters; OpenAI's clients take no more


def wire_name(server: str, tool: str) -> str:
    """Return `<server>__<tool>`, or a name made from it where that could not be sent.

    It depends on these two alone, and no two tools share one: where it could not be told where the
    server's name ends, a name is made, too.
    """
    plain = f"{server}{BETWEEN}{tool}"
    if BETWEEN not in f"{server}_" and fits(plain, LONGEST):
        return plain
    return made_name(plain, LONGEST, source=f"{server}\0{tool}")
