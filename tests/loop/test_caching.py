"""Cache breakpoints in a turn of several rounds."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from claude_gateway.loop.caching import moved_on
from tests.loop.door import CHAT, GO, Door, calling

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving

SHORT, LONG = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}


def said(role: str, *marks: object) -> dict[str, Any]:
    blocks = [{"type": "text", "text": str(n)} for n in range(len(marks))]
    marked = [
        {**b, **({"cache_control": m} if m else {})} for b, m in zip(blocks, marks, strict=True)
    ]
    return {"role": role, "content": marked}


def marks(messages: Any) -> list[tuple[int, int, object]]:
    return [
        (at, i, block["cache_control"])
        for at, message in enumerate(messages)
        for i, block in enumerate(message["content"])
        if isinstance(block, dict) and "cache_control" in block
    ]


def test_the_last_breakpoint_moves_to_the_end_and_their_number_stays() -> None:
    talk = [said("user", SHORT), said("assistant", None), said("user", None, LONG)]
    talk += [said("assistant", None), said("user", None, None)]
    before = copy.deepcopy(talk)
    assert marks(moved_on(talk)) == [(2, 1, LONG), (4, 1, LONG)]
    assert talk == before  # others may hold these messages


def test_a_single_breakpoint_moves_itself() -> None:
    talk = [said("user", SHORT, None), said("assistant", None), said("user", None)]
    assert marks(moved_on(talk)) == [(2, 0, SHORT)]


def test_where_nobody_has_set_any_there_is_none() -> None:
    talk: list[dict[str, Any]] = [{"role": "user", "content": "Go"}, said("user", None)]
    assert moved_on(talk) == talk


async def test_t19_every_round_of_a_turn_has_its_end_cached_and_no_more_than_four_breakpoints(
    serving: Serving, scripted: type[Scripted]
) -> None:
    backend = scripted(calling("open"), calling("open"), scripted.saying("Done."))
    talk = [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Go"},
    ]
    async with serving(backend, Door()) as app:
        await app.ask("POST", CHAT, {**GO, "messages": talk, "prompt_cache_key": "mine"})
    first, second, third = [marks(_listed(asked.messages)) for asked in backend.asked]
    assert [at for at, _, _ in first] == [0, 2]
    assert [at for at, _, _ in second] == [2, 4]
    assert [at for at, _, _ in third] == [2, 6]


def _listed(messages: Any) -> list[Any]:
    return [m if isinstance(m["content"], list) else {**m, "content": []} for m in messages]
