"""Usage is counted as Anthropic does, and read from whatever upstream says."""

from __future__ import annotations

import pytest

from claude_gateway import Usage

WIRE: dict[str, object] = {
    "input_tokens": 10,
    "output_tokens": 5,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 2,
    "output_tokens_details": {"thinking_tokens": 4},
    "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
    "service_tier": "standard",
    "inference_geo": "us",
}


def test_every_count_is_read() -> None:
    assert Usage.from_wire(WIRE) == Usage(10, 5, 3, 2, 4, 1, 2, "standard", "us")


def test_the_prompt_is_all_input_and_the_total_all_tokens() -> None:
    usage = Usage.from_wire(WIRE)
    assert usage.prompt_tokens == 15
    assert usage.total_tokens == 20


def test_later_counts_replace_earlier_ones_field_by_field() -> None:
    before = Usage(10, 1, 3, 2, 1)
    assert Usage.from_wire({"output_tokens": 9}, before) == Usage(10, 9, 3, 2, 1)
    assert Usage.from_wire({"output_tokens": 0}, before) == Usage(10, 0, 3, 2, 1)


@pytest.mark.parametrize("raw", [None, [], "many", 5, {}])
def test_no_usage_changes_nothing(raw: object) -> None:
    assert Usage.from_wire(raw, Usage(1, 2, 3, 4, 5)) == Usage(1, 2, 3, 4, 5)
    assert Usage.from_wire(raw) == Usage()


@pytest.mark.parametrize("count", [-1, 1.0, "1", None, True, [1]])
def test_what_is_no_count_counts_as_absent(count: object) -> None:
    raw = {"input_tokens": count, "output_tokens_details": {"thinking_tokens": count}}
    assert Usage.from_wire(raw, Usage(7, 0, 0, 0, 8)) == Usage(7, 0, 0, 0, 8)


@pytest.mark.parametrize("details", [None, 3, []])
def test_details_that_are_none_leave_thinking_as_it_was(details: object) -> None:
    assert Usage.from_wire({"output_tokens_details": details}).thinking_tokens == 0


@pytest.mark.parametrize("written", [None, 3, {"ephemeral_1h_input_tokens": "2"}])
def test_how_long_the_cache_keeps_is_left_as_it_was_unless_it_is_said(written: object) -> None:
    before = Usage(ephemeral_1h_input_tokens=7, service_tier="batch")
    assert Usage.from_wire({"cache_creation": written, "service_tier": None}, before) == before
