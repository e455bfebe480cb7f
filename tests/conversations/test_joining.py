"""What a request adds to its session."""

from __future__ import annotations

from itertools import count

import pytest

from claude_gateway import InvalidRequest, ModelInfo
from claude_gateway.conversations.history import Block, Turn, turns
from claude_gateway.conversations.joining import join, past_tools, with_tools
from claude_gateway.conversations.opening import Opening, drafted
from claude_gateway.conversations.window import check_window
from claude_gateway.types.resources import Message, Session

MODEL = ModelInfo("m", system_messages=True, max_input_tokens=1000)
THINKING = '{"type":"thinking","thinking":"hm","signature":"s"}'


def said(role: str, text: str) -> Turn:
    return Turn(role, [{"type": "text", "text": text}])


def stored(*contents: tuple[str, str], **session: object) -> Opening:
    messages = [
        Message(f"m{n}", role, raw.encode(), 0.0, number=n, text=raw)
        for n, (role, raw) in enumerate(contents, 1)
    ]
    known = {"model": "m", "system": b"[]", "last_number": len(messages), **session}
    kept = Session("s", "o", "default", created_at=0.0, updated_at=0.0, **known)  # type: ignore[arg-type]
    return Opening(kept, False, None, messages, turns(messages, kept.thinking_after))


def test_the_first_turn_freezes_what_the_system_said() -> None:
    first = join(
        drafted("o", "s", None),
        [said("user", "Hi")],
        [{"type": "text", "text": "Be kind."}],
        MODEL,
        str,
    )
    assert first.session.system == b'[{"type":"text","text":"Be kind."}]'
    assert [m.content for m in first.fresh] == [b'"Hi"']
    assert first.keep is None


def test_an_edit_says_up_to_which_message_the_old_conversation_holds() -> None:
    opening = stored(("user", '"a"'), ("assistant", f"[{THINKING}]"), ("user", '"b"'))
    numbers = count()
    result = join(
        opening,
        [said("user", "a"), said("assistant", ""), said("user", "c")],
        [],
        MODEL,
        lambda: f"n{next(numbers)}",
    )
    assert result.keep == 2
    assert result.messages(MODEL) == [
        {"role": "user", "content": [{"type": "text", "text": t} for t in "ac"]}
    ]
    assert result.session.thinking_after == 3
    assert "signature" not in str(result.messages(MODEL))


def test_t08_news_of_the_system_are_said_once_and_at_the_end() -> None:
    frozen = {"system": b'[{"type":"text","text":"Be kind."}]'}
    opening = stored(("user", '"a"'), ("assistant", '"b"'), **frozen)
    brief: list[Block] = [{"type": "text", "text": "Be brief."}]
    result = join(opening, [said("user", "c")], brief, MODEL, str)
    assert [m["role"] for m in result.messages(MODEL)] == ["user", "assistant", "user", "system"]
    assert result.system == [{"type": "text", "text": "Be kind."}]
    assert [m.role for m in result.fresh] == ["user", "system"]


def test_a_wish_in_words_becomes_part_of_what_is_kept() -> None:
    result = join(stored(), [said("user", "a")], [], MODEL, str).saying("Answer in JSON.")
    assert result.fresh[-1].content.endswith(b'{"type":"text","text":"Answer in JSON."}]')
    assert result.fresh[-1].text == "a"
    assert "Answer in JSON." in str(result.messages(MODEL))


def test_tools_are_frozen_as_they_were_sent_but_for_cache_breakpoints() -> None:
    first = join(stored(), [said("user", "a")], [], MODEL, str)
    params = {"tools": [{"name": "t", "cache_control": {"type": "ephemeral"}}]}
    kept = with_tools(first, params, ())
    assert kept.session.tools == b'[{"name":"t"}]'
    assert with_tools(kept, params, ()) is kept
    assert with_tools(kept, {}, ()) is kept


def test_of_tools_nobody_described_the_name_is_sent() -> None:
    call = '[{"type":"tool_use","id":"1","name":"known","input":{}},{"type":"tool_use","id":"2","name":"other","input":{}}]'
    opening = stored(
        ("user", '"a"'), ("assistant", call), tools=b'[{"name":"known","strict":true}]'
    )
    known, other = past_tools(opening.session, opening.told)
    assert known == {"name": "known", "strict": True}
    assert other == {"name": "other", "input_schema": {"type": "object", "properties": {}}}
    assert past_tools(opening.session, []) == ()


def test_a_session_is_titled_by_what_was_said_first() -> None:
    first = join(drafted("o", "s", None), [said("user", "What\n is " + "x" * 100)], [], MODEL, str)
    assert first.session.title.startswith("What is xxx")
    assert len(first.session.title) == 60
    named = join(stored(title="Mine"), [said("user", "a")], [], MODEL, str)
    assert named.session.title == "Mine"


def test_what_surely_does_not_fit_is_refused() -> None:
    opening = stored(context_tokens=990)
    short = join(opening, [said("user", "x" * 10)], [], MODEL, str)
    check_window(short.session, short.fresh, MODEL)
    long = join(opening, [said("user", "x" * 100)], [], MODEL, str)
    with pytest.raises(InvalidRequest) as refused:
        check_window(long.session, long.fresh, MODEL)
    assert refused.value.code == "context_length_exceeded"
