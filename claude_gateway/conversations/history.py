"""A stored conversation as it is sent upstream again.

Blocks go back exactly as they came (thinking is bound to every byte before it), but for what the
API would refuse: text that is empty, calls whose input was cut off, calls without a result. Where
something earlier has changed, all thinking before the change is left out, which is always allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from claude_gateway.dialects.exact import parsed
from claude_gateway.types.resources import Message

Block: TypeAlias = dict[str, object]

THOUGHTS = ("thinking", "redacted_thinking")
UNANSWERED = "This call was not answered."
RAN = "ran"  # in a message's metadata: the ids of calls in it that the gateway ran itself


@dataclass(slots=True)
class Turn:
    """What one side said. `last` is the number of the newest message in it, which has its `newest` blocks.

    `ran` are the ids of calls that the gateway ran itself, and no client has seen.
    """

    role: str
    content: list[Block]
    last: int = 0
    partial: bool = False
    ran: frozenset[str] = frozenset()
    newest: int = 0


def turns(messages: Sequence[Message], thinking_after: int = 0) -> list[Turn]:
    """Return a conversation as turns of alternating sides."""
    told: list[Turn] = []
    for message in messages:
        content = blocks(parsed(message.content))
        if message.number <= thinking_after:
            content = [b for b in content if b.get("type") not in THOUGHTS]
        content = [b for b in content if _can_be_sent(b)]
        if not content:
            continue
        if told and told[-1].role == message.role:
            told[-1].content.extend(content)
        else:
            told.append(Turn(message.role, content))
        told[-1].last, told[-1].newest = message.number, len(content)
        told[-1].partial = bool(message.metadata.get("partial"))
        told[-1].ran |= _ran(message)
    return told


def blocks(content: object) -> list[Block]:
    """Return content as blocks."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []


def calls(turn: Turn) -> list[str]:
    """Return the ids of the calls in a turn, in order."""
    return [str(b.get("id")) for b in turn.content if b.get("type") == "tool_use"]


def open_calls(told: Sequence[Turn]) -> list[str]:
    """Return the calls of the last answer that are the client's to bring results of."""
    if not told or told[-1].role == "assistant":
        return calls(told[-1]) if told else []
    last, before = told[-1], told[-2:-1]
    return (
        [id_ for turn in before for id_ in calls(turn) if id_ not in turn.ran] if last.ran else []
    )


def sent(told: Sequence[Turn], *, system_messages: bool = True) -> list[dict[str, object]]:
    """Return turns as the messages of a request; calls without a result get one that says so.

    `system_messages`: whether the model lets the system speak among the turns. Where it does not,
    what it said stands in the turn of the user's.
    """
    messages: list[dict[str, object]] = []
    waiting: list[str] = []
    for turn in told if system_messages else _without_system(told):
        content: list[Block] = list(turn.content)
        if turn.role == "user":
            content = _answered(waiting, content)
        elif waiting:
            messages.append({"role": "user", "content": _answered(waiting, [])})
        waiting = calls(turn) if turn.role == "assistant" else []
        if content:
            messages.append({"role": turn.role, "content": plain(content)})
    return messages


def _without_system(told: Sequence[Turn]) -> list[Turn]:
    merged: list[Turn] = []
    for turn in told:
        role = "user" if turn.role == "system" else turn.role
        if merged and merged[-1].role == role:
            merged[-1].content.extend(turn.content)
        else:
            merged.append(Turn(role, list(turn.content), turn.last, turn.partial))
    return merged


def plain(content: Sequence[Block]) -> str | list[Block]:
    """Write a single plain text as a string, as a native client would."""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        return str(content[0]["text"])
    return list(content)


def _answered(waiting: Sequence[str], content: Sequence[Block]) -> list[Block]:
    """Return what follows calls: a result for each, in their order, then the rest."""
    results = {b.get("tool_use_id"): b for b in content if b.get("type") == "tool_result"}
    rest = [b for b in content if b.get("type") != "tool_result"]
    return [*(results.get(call) or _no_result(call) for call in waiting), *rest]


def _no_result(call: str) -> Block:
    return {"type": "tool_result", "tool_use_id": call, "content": UNANSWERED, "is_error": True}


def _can_be_sent(block: Mapping[str, object]) -> bool:
    kind = block.get("type")
    if kind == "text":
        return bool(str(block.get("text", "")).strip())
    if kind == "thinking":
        return bool(block.get("signature"))
    return kind != "tool_use" or isinstance(block.get("input"), dict)


def _ran(message: Message) -> frozenset[str]:
    ran = message.metadata.get(RAN)
    return frozenset(map(str, ran)) if isinstance(ran, list) else frozenset()
