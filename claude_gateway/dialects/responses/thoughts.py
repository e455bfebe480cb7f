"""Thinking, kept by the client: the blocks as they came, inside an item's `encrypted_content`.

Upstream takes thinking back only exactly as it was, so it is packed whole: a mark with a version,
then base64 of JSON. It hides nothing, and need not: what it holds is signed, and upstream checks
that. What is not ours, or broken, is left out; thinking is never made up.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import orjson

from claude_gateway import sse
from claude_gateway.dialects.openai.caching import THOUGHTS
from claude_gateway.dialects.openai.media import Block

MARK = "cgt1."


def packed(blocks: Sequence[Mapping[str, object]]) -> str | None:
    """Pack blocks of thinking; None when upstream would not take them back."""
    if not blocks or not all(_whole(block) for block in blocks):
        return None
    return MARK + base64.urlsafe_b64encode(sse.compact(blocks)).decode()


def unpacked(content: object) -> list[Block]:
    """Return the blocks that `packed` packed, or none."""
    if not isinstance(content, str) or not content.startswith(MARK):
        return []
    try:
        blocks = orjson.loads(base64.b64decode(content[len(MARK) :], b"-_", validate=True))
    except ValueError:
        return []
    if not isinstance(blocks, list) or not all(_whole(block) for block in blocks):
        return []
    return blocks


def is_thought(block: object) -> bool:
    """Whether a content block is thinking of either kind."""
    return isinstance(block, Mapping) and block.get("type") in THOUGHTS


def _whole(block: object) -> bool:
    """Whether a block is thinking that can go back: with its signature, or encrypted."""
    if not isinstance(block, Mapping) or not is_thought(block):
        return False
    if any(isinstance(value, list | dict) for value in block.values()):
        return False  # such as a breakpoint of the cache, which upstream does not take there
    if block["type"] == "redacted_thinking":
        return bool(isinstance(block.get("data"), str) and block["data"])
    signature, text = block.get("signature"), block.get("thinking")
    return isinstance(text, str) and isinstance(signature, str) and bool(signature)
