"""Usage adds up, whichever way it is counted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from claude_gateway import Usage
from claude_gateway.engine.tally import added, counted

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=200)

COUNT = st.integers(0, 10**6) | st.none()
WIRE = st.fixed_dictionaries(
    {},
    optional={
        "input_tokens": COUNT,
        "output_tokens": COUNT,
        "cache_creation_input_tokens": COUNT,
        "cache_read_input_tokens": COUNT | st.just(-1),
        "output_tokens_details": st.fixed_dictionaries({"thinking_tokens": COUNT}) | st.none(),
        "cache_creation": st.fixed_dictionaries(
            {}, optional={"ephemeral_5m_input_tokens": COUNT, "ephemeral_1h_input_tokens": COUNT}
        ),
        "service_tier": st.sampled_from(["standard", "priority", None]),
        "inference_geo": st.sampled_from(["us", None]),
    },
)


@SAME_EVERY_TIME
@given(WIRE, WIRE, WIRE)
def test_t17_what_is_added_on_the_wire_is_what_is_added_in_the_account(
    first: dict[str, object], second: dict[str, object], third: dict[str, object]
) -> None:
    on_the_wire = Usage.from_wire(added(added(first, second), third))
    in_the_account = Usage.from_wire(first) + Usage.from_wire(second) + Usage.from_wire(third)
    assert on_the_wire == in_the_account
    assert in_the_account.total_tokens == in_the_account.prompt_tokens + on_the_wire.output_tokens


def test_counts_of_the_future_are_added_and_attempts_stand_one_after_the_other() -> None:
    first = {"server_tool_use": {"web_search_requests": 2}, "iterations": [{"n": 1}], "moons": 1}
    second = {"server_tool_use": {"web_search_requests": 3, "x": 1}, "iterations": [{"n": 2}]}
    assert added(first, second) == {
        "server_tool_use": {"web_search_requests": 5, "x": 1},
        "iterations": [{"n": 1}, {"n": 2}],
        "moons": 1,
    }


def test_t18_within_a_round_a_later_count_replaces_an_earlier_one() -> None:
    start = {"input_tokens": 7, "output_tokens": 1}
    assert counted(start, {"output_tokens": 9, "input_tokens": None}) == {
        "input_tokens": 7,
        "output_tokens": 9,
    }
    assert counted(None, start) == start


def test_what_is_no_usage_counts_as_none() -> None:
    assert added(None, "many") == {}
    assert added({"input_tokens": 1}, ["x"]) == {"input_tokens": 1}
