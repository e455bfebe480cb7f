"""What a client sends, against what is stored: only what is new joins the conversation.

Some clients send one message and leave the history to the server; others send the whole of it every
time. Both are right, and neither must find anything twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from claude_gateway import sse
from claude_gateway.conversations.history import THOUGHTS, Block, Turn
from claude_gateway.runs.outcome import text_of


@dataclass(frozen=True, slots=True)
class Merged:
    """The turns that are new, and how many of the stored ones (from the first) still hold."""

    kept: int
    new: Sequence[Turn]


def merge(stored: Sequence[Turn], sent: Sequence[Turn]) -> Merged:
    """Find what is new.

    Without a turn of the assistant's it all is: the client relies on the stored history. With one
    the client has sent the whole history, and what differs from the stored one was edited: from
    there on the client's version holds. What the system said in between is the server's to keep.
    """
    if not any(turn.role == "assistant" for turn in sent):
        return Merged(len(stored), _not_repeated(stored, sent))
    kept = met = 0
    for turn, end in _seen(stored):
        if turn.role != "system" or (met < len(sent) and sent[met].role == "system"):
            if met == len(sent) or not _alike(turn, sent[met]):
                break
            met += 1
        kept = end
    else:
        kept = len(stored)
    return Merged(kept, sent[met:])


def _seen(stored: Sequence[Turn]) -> Sequence[tuple[Turn, int]]:
    """Return the turns as clients have seen them, each with how many stored ones end with it.

    Calls that the gateway ran, and their results, are not to be seen: what was said before and after
    them is one turn.
    """
    ran = frozenset[str]().union(*(turn.ran for turn in stored))
    if not ran:
        return [(turn, end) for end, turn in enumerate(stored, 1)]
    seen: list[tuple[Turn, int]] = []
    for end, turn in enumerate(stored, 1):
        left = [block for block in turn.content if not _is_of(block, ran)]
        if not any(map(_counts, left)) and turn.ran:
            continue
        before = seen[-1][0] if seen else None
        if before is not None and before.role == turn.role:
            whole = Turn(turn.role, [*before.content, *left], turn.last, turn.partial)
            seen[-1] = (whole, end)
        else:
            seen.append((Turn(turn.role, left, turn.last, turn.partial), end))
    return seen


def _is_of(block: Mapping[str, object], ran: frozenset[str]) -> bool:
    """Whether a block is one of these calls, or the result of one."""
    key = {"tool_use": "id", "tool_result": "tool_use_id"}.get(str(block.get("type")))
    return key is not None and str(block.get(key)) in ran


def _counts(block: Mapping[str, object]) -> bool:
    return block.get("type") not in THOUGHTS


def _not_repeated(stored: Sequence[Turn], sent: Sequence[Turn]) -> Sequence[Turn]:
    """Leave out the first turn when it is the last one stored: its answer failed, it is tried again.

    Of several messages without an answer it may be the last one alone, or all of them.
    """
    heard = [turn for turn in stored if turn.role != "system"]
    if not heard or not sent or heard[-1].role != "user":
        return sent
    all_ = heard[-1]
    last = Turn(all_.role, all_.content[-all_.newest :])
    return sent[1:] if _alike(all_, sent[0]) or _alike(last, sent[0]) else sent


def _alike(mine: Turn, theirs: Turn) -> bool:
    if mine.role != theirs.role:
        return False
    if mine.partial:  # the client may have seen less of it before the line broke
        return text_of(mine.content).startswith(text_of(theirs.content).strip())
    return _signature(mine) == _signature(theirs)


def _signature(turn: Turn) -> tuple[str, tuple[str, ...]]:
    """Return what identifies a turn: its text, and what else was in it. Thinking is no part of it."""
    others = [mark for block in turn.content if (mark := _mark(block))]
    return text_of(turn.content).strip(), tuple(others)


def _mark(block: Mapping[str, object]) -> str:
    match block.get("type"):
        case "text" | "thinking" | "redacted_thinking":
            return ""
        case "tool_use":
            return f"call {block.get('id')}"
        case "tool_result":
            return f"result {block.get('tool_use_id')}"
        case kind:
            return f"{kind} {_digest(block)}"


def _digest(block: Mapping[str, object]) -> str:
    known: Block = {key: value for key, value in block.items() if key != "cache_control"}
    return hashlib.sha256(sse.compact(known)).hexdigest()
