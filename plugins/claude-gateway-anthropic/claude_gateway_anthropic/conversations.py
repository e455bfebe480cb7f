"""What a request belongs to, so that all requests of a conversation go by the same key.

Upstream keeps cached prefixes for a workspace, and some thinking is only good on the account that
thought it. Neither must be lost because there are several keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson

from claude_gateway import ModelRequest

# Their presence in a body that the gateway has written itself: a breakpoint, thinking.
TIES = (b'"cache_control":', b'"signature":', b'"redacted_thinking"')

CALLERS_OWN = (None, "custom")


def conversation(request: ModelRequest) -> bytes:
    """Return a digest that stays the same from the first turn to the last, and after a restart.

    It is of the client's own name for it, or else of how it begins. Breakpoints of the cache move
    on from turn to turn, so they are left out.
    """
    if named := _named(request):
        return _digest(named.encode("utf-8", "surrogatepass"))
    system = _bare(request.params.get("system"))
    first: object = request.messages[0] if request.messages else None
    said = _bare(first.get("content")) if isinstance(first, Mapping) else None
    try:
        return _digest(orjson.dumps([system, said]))
    except TypeError:  # nested too deeply to be written; such a request is a stray one
        return _digest(b"")


def tied(request: ModelRequest, body: bytes) -> bool:
    """Whether an account may hold something of this conversation, which another would not know."""
    if request.raw is not None or _named(request) or any(mark in body for mark in TIES):
        return True
    # A turn with upstream's own tools may pause; what they found is the account's that began it.
    tools = request.params.get("tools")
    return isinstance(tools, list) and any(
        isinstance(tool, Mapping) and tool.get("type") not in CALLERS_OWN for tool in tools
    )


def _named(request: ModelRequest) -> str:
    if request.affinity:
        return request.affinity
    metadata = request.params.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, Mapping) else None
    return user if isinstance(user, str) else ""


def _bare(content: object) -> object:
    """Return content as blocks without breakpoints."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return content
    return [
        {name: value for name, value in block.items() if name != "cache_control"}
        if isinstance(block, dict)
        else block
        for block in content
    ]


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()
