"""OpenAI's own client for Node, asking the gateway for responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway.testing import FakeAnthropic, Hang, Reply, Stream
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import (
    MODEL,
    error,
    error_event,
    text,
    text_stream,
    thinking,
    tool_use,
)

if TYPE_CHECKING:
    from tests.wire.clients.conftest import Node
    from tests.wire.conftest import Recordings

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

CLIENT = "responses"
either_way = pytest.mark.parametrize("streamed", [False, True])


@either_way
async def test_an_answer_is_a_response(
    node: Node, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    response = await node.returns(CLIENT, "answer", streamed=streamed)
    assert (response["object"], response["status"], response["model"]) == (
        "response",
        "completed",
        MODEL,
    )
    assert response["output_text"] == "Hello world"
    assert response["usage"]["total_tokens"] == 15


async def test_events_are_numbered_and_end_with_the_whole(
    node: Node, upstream: FakeAnthropic
) -> None:
    events = await node.returns(CLIENT, "events")
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    deltas = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == "Hello world"
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")


async def test_t13_every_recorded_stream_adds_up_to_the_whole_response(
    node: Node, upstream: FakeAnthropic, recordings: Recordings
) -> None:
    upstream.always(recordings.play)
    answers = await node.returns(CLIENT, "both", names=list(recordings.messages))
    assert set(answers) == set(recordings.messages)
    for name, answer in answers.items():
        assert essence(answer["streamed"]) == essence(answer["whole"]), name


@either_way
async def test_t01_results_of_calls_go_up_to_the_stored_response(
    node: Node, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    call = tool_use("weather", '{"city":', '"Bern"}', id="toolu_a")
    upstream.script(
        answering(text("Let me look."), call, stop_reason="tool_use"), answering(text("Sunny."))
    )
    got = await node.returns(CLIENT, "toolRound", streamed=streamed)
    _, asked = got["first"]["output"]
    assert json.loads(asked["arguments"]) == {"city": "Bern"}
    assert got["second"]["output_text"] == "Sunny."
    assert got["second"]["previous_response_id"] == got["first"]["id"]
    assert [turn["role"] for turn in upstream.turns[1].json["messages"]] == [
        "user",
        "assistant",
        "user",
    ]
    assert upstream.turns[1].json["messages"][-1]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_a", "content": "sun"}
    ]


@either_way
async def test_t06_reasoning_goes_back_to_the_model_as_it_came(
    node: Node, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    blocks = thinking("Hm", "."), thinking(signature="b3RoZXI="), tool_use("weather")
    upstream.script(answering(*blocks, stop_reason="tool_use"), answering(text("Sunny.")))
    got = await node.returns(CLIENT, "reasoningRound", streamed=streamed)
    assert [item["type"] for item in got["first"]["output"]] == [
        "reasoning",
        "reasoning",
        "function_call",
    ]
    assert got["second"]["output_text"] == "Sunny."
    assert upstream.turns[1].json["messages"][1]["content"] == [block.whole for block in blocks]


async def test_an_answer_by_schema_is_parsed(node: Node, upstream: FakeAnthropic) -> None:
    ada = {"name": "Ada", "age": 36}
    upstream.always(answering(text(json.dumps(ada)[:9], json.dumps(ada)[9:])))
    assert await node.returns(CLIENT, "parse") == {"whole": ada, "streamed": ada}
    for turn in upstream.turns:
        assert set(turn.json["output_config"]["format"]["schema"]["properties"]) == set(ada)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ((400, "invalid_request_error"), ("BadRequestError", 400, "invalid_request")),
        ((429, "rate_limit_error"), ("RateLimitError", 429, "rate_limited")),
        ((529, "overloaded_error"), ("InternalServerError", 503, "overloaded")),
    ],
)
@either_way
async def test_a_refusal_of_upstream_raises_the_right_exception(
    node: Node,
    upstream: FakeAnthropic,
    said: tuple[int, str],
    seen: tuple[str, int, str],
    *,
    streamed: bool,
) -> None:
    status, kind = said
    upstream.script(Reply(status, error(kind, "Not this time.")))
    raised = await node.raises(CLIENT, "answer", streamed=streamed)
    assert (raised["class"], raised["status"], raised["code"]) == seen
    assert raised["requestID"].startswith("req_")


@pytest.mark.parametrize(("scenario", "given"), [("events", {}), ("answer", {"streamed": True})])
async def test_t16_an_error_after_text_is_thrown(
    node: Node, upstream: FakeAnthropic, scenario: str, given: Mapping[str, bool]
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], error_event()]))
    raised = await node.raises(CLIENT, scenario, **given)
    assert raised["class"] == "APIError"
    assert "Overloaded" in raised["message"]
    assert raised["code"] == "overloaded"


async def test_a_stored_response_is_read_again_whole_and_as_a_stream(
    node: Node, upstream: FakeAnthropic
) -> None:
    got = await node.returns(CLIENT, "retrieved")
    assert got["made"]["output_text"] == "Hello world"
    assert got["whole"] == got["made"]
    assert got["streamed"]["id"] == got["made"]["id"]
    assert essence(got["streamed"]) == essence(got["made"])


async def test_a_response_in_the_background_is_cancelled(
    node: Node, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream([*text_stream("Hello")[:4], Hang()]))
    got = await node.returns(CLIENT, "cancelled")
    assert got["begun"]["status"] == "in_progress"
    assert (got["ended"]["id"], got["ended"]["status"]) == (got["begun"]["id"], "cancelled")


def essence(response: Mapping[str, Any]) -> Mapping[str, object]:
    """All that is the same however an answer arrives: JSON may have other blanks, ids differ."""
    items = [{**item, "id": ""} for item in response["output"]]
    for item in items:
        if "arguments" in item:
            item["arguments"] = item["arguments"].replace(" ", "")
        for part in item.get("content") or ():
            part.pop("parsed", None)
        item.pop("parsed_arguments", None)
    return {
        "output": items,
        "output_text": response["output_text"],
        "status": response["status"],
        "incomplete_details": response["incomplete_details"],
        "usage": response["usage"],
    }
