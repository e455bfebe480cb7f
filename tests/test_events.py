"""Events are values; the commonest of them decodes its text only for those who ask."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from claude_gateway import (
    Answer,
    BlockStart,
    Event,
    MessageDelta,
    MessageStop,
    ModelRequest,
    Ping,
    TextDelta,
)


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (b"Hello", "Hello"),
        (b"", ""),
        (rb"a \"quoted\" \\ line\n", 'a "quoted" \\ line\n'),
        ("Grüße 🚀".encode(), "Grüße 🚀"),
    ],
)
def test_a_literal_is_decoded_when_somebody_asks(literal: bytes, text: str) -> None:
    delta = TextDelta(0, literal=literal)
    assert delta.literal == literal
    assert delta.text == text
    assert delta == TextDelta(0, text)
    assert hash(delta) == hash(TextDelta(0, text))


def test_a_delta_of_text_needs_no_literal() -> None:
    delta = TextDelta(2, "Hi")
    assert (delta.text, delta.literal, delta.frame) == ("Hi", None, None)
    assert repr(delta) == "TextDelta(2, 'Hi')"
    assert TextDelta(0).text == ""


def test_deltas_differ_by_index_and_text_and_from_everything_else() -> None:
    assert TextDelta(0, "a") != TextDelta(1, "a")
    assert TextDelta(0, "a") != TextDelta(0, "b")
    assert TextDelta(0, "a") != "a"


def test_a_delta_is_matched_by_position() -> None:
    match TextDelta(3, "Hi"):
        case TextDelta(index, text):
            assert (index, text) == (3, "Hi")


def test_every_other_kind_of_event_is_frozen_and_small() -> None:
    for kind in set(get_args(Event)) - {TextDelta}:
        assert kind.__dataclass_params__.frozen
        assert "__dict__" not in dir(kind)
        assert "frame" in {field.name for field in dataclasses.fields(kind)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        Ping().frame = b""  # type: ignore[misc]


def test_events_compare_by_what_they_say() -> None:
    assert BlockStart(0, {"type": "text"}) == BlockStart(0, {"type": "text"})
    assert len({MessageStop(), Ping(), Ping()}) == 2
    assert MessageDelta({}).usage == {}


def test_a_request_reads_its_messages_and_its_limit() -> None:
    message = {"role": "user", "content": "Hi"}
    request = ModelRequest("m", {"messages": [message], "max_tokens": 5})
    assert list(request.messages) == [message]
    assert request.max_tokens == 5
    assert request.stream


@pytest.mark.parametrize("limit", [None, "5", 5.0, True])
def test_a_request_without_a_readable_limit_has_none(limit: object) -> None:
    request = ModelRequest("m", {"max_tokens": limit, "messages": "Hi"})
    assert request.max_tokens == 0
    assert list(request.messages) == []


def test_an_answer_has_no_headers_unless_upstream_sent_some() -> None:
    assert Answer(b"{}", {}).headers == {}
