"""Prompt caching: where upstream shall keep what it has read.

Upstream takes four breakpoints in a request, in its own order: tools, system, messages. When there
are more the last ones count, for each covers all that stands before it. Long-lived entries must not
follow short-lived ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from claude_gateway.dialects.fields import optional, passed_on, wrong

Block: TypeAlias = dict[str, object]

# What a request says about all of it.
NAMES = frozenset({"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"})
MOST_BREAKPOINTS = 4
THOUGHTS = ("thinking", "redacted_thinking")  # must go back exactly as they came
USER_TURNS = 2  # the next request of a conversation finds the mark of this one's last turn


def breakpoint_of(part: Mapping[str, object], path: str) -> Block | None:
    """Return the `cache_control` that a part, message or tool asks for, in either API's words."""
    if "cache_control" not in part and "prompt_cache_breakpoint" not in part:
        return None
    if own := passed_on(part, "cache_control", f"{path}."):
        return own
    asked = optional(part, "prompt_cache_breakpoint", dict, f"{path}.")
    if asked is None:
        return None
    long = optional(asked, "ttl", str, f"{path}.prompt_cache_breakpoint.") is not None
    return {"type": "ephemeral", "ttl": "1h"} if long else {"type": "ephemeral"}


def keep_prefixes(params: dict[str, object], fields: Mapping[str, object], *, auto: bool) -> None:
    """Settle the breakpoints of a request.

    Where the client has set none they are set for it: when it names a `prompt_cache_key` or wants
    implicit ones, or when `auto` says so for everybody.
    """
    if NAMES.isdisjoint(fields):  # nearly always
        _settle(params, auto=auto, long=False)
        return
    options = optional(fields, "prompt_cache_options", dict) or {}
    mode = optional(options, "mode", str, "prompt_cache_options.")
    if mode not in (None, "implicit", "explicit"):
        wrong("prompt_cache_options.mode", "must be implicit or explicit")
    keyed = optional(fields, "prompt_cache_key", str)
    wanted = (auto or bool(keyed) or mode == "implicit") and mode != "explicit"
    long = optional(options, "ttl", str, "prompt_cache_options.") is not None or _retained(fields)
    _settle(params, auto=wanted, long=long)


def _settle(params: dict[str, object], *, auto: bool, long: bool) -> None:
    """Leave as many breakpoints as upstream takes; `auto` sets them where there are none."""
    marked = _marked(params)
    if auto and not marked:
        _mark(params)
        marked = _marked(params)
    for spot in marked[:-MOST_BREAKPOINTS]:
        spot.put(None)
    for spot in reversed(marked[-MOST_BREAKPOINTS:]):
        control = spot.block["cache_control"]
        if isinstance(control, dict):
            long = long or control.get("ttl") == "1h"
            if long:
                spot.put({**control, "ttl": "1h"})


def _retained(fields: Mapping[str, object]) -> bool:
    """Whether the older field asks for a long life."""
    retention = optional(fields, "prompt_cache_retention", str)
    if retention not in (None, "in_memory", "24h"):
        wrong("prompt_cache_retention", "must be in_memory or 24h")
    return retention == "24h"


def _mark(params: Mapping[str, object]) -> None:
    """Mark the end of the tools, of the system's text and of the last turns of the user."""
    for key in ("tools", "system"):
        _mark_last(params.get(key))
    turns = [t for t in _objects(params.get("messages")) if t.get("role") == "user"]
    for turn in turns[-USER_TURNS:]:
        if isinstance(turn["content"], str):
            turn["content"] = [{"type": "text", "text": turn["content"]}]
        _mark_last(turn["content"])


def _mark_last(blocks: object) -> None:
    if isinstance(blocks, list):
        for at, block in reversed(list(enumerate(blocks))):
            if isinstance(block, dict) and block.get("type") not in THOUGHTS:
                _Spot(blocks, at, block).put({"type": "ephemeral"})
                return


def _marked(params: Mapping[str, object]) -> list[_Spot]:
    """Find what has a breakpoint, in upstream's order."""
    found: list[_Spot] = []
    for key in ("tools", "system", "messages"):
        _collect(params.get(key), found)
    return found


def _collect(blocks: object, found: list[_Spot]) -> None:
    if isinstance(blocks, list):
        for at, block in enumerate(blocks):
            if isinstance(block, dict):
                if isinstance(block.get("content"), list):
                    _collect(block["content"], found)
                if "cache_control" in block:
                    found.append(_Spot(blocks, at, block))


def _objects(value: object) -> list[Block]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class _Spot(NamedTuple):
    """Where a block stands. The block itself may be part of a kept history, so it stays as it is."""

    blocks: list[object]
    at: int
    block: Block

    def put(self, control: object) -> None:
        """Put a copy there that has this breakpoint, or none."""
        bare = {key: value for key, value in self.block.items() if key != "cache_control"}
        self.blocks[self.at] = bare if control is None else {**bare, "cache_control": control}
