"""OpenAI's own client for Node, pointed at the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway.testing import FakeAnthropic, Hang, Reply, Stream
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import (
    MODEL,
    Block,
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

CALLS: tuple[Block, ...] = (
    text("Let me look."),
    tool_use("weather", '{"city":', '"Bern"}', id="toolu_a"),
    thinking("Hm"),
    tool_use("weather", '{"city":"Chur"}', id="toolu_b"),
)


async def test_an_answer_in_one_piece_is_a_completion(node: Node, upstream: FakeAnthropic) -> None:
    answer = await node.returns("openai", "whole")
    [choice] = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hello world", "stop")
    assert (answer["object"], answer["model"]) == ("chat.completion", MODEL)
    assert answer["usage"]["total_tokens"] == 15


@pytest.mark.parametrize("usage", [True, False])
async def test_t18_usage_comes_last_and_only_when_asked_for(
    node: Node, upstream: FakeAnthropic, *, usage: bool
) -> None:
    chunks = await node.returns("openai", "stream", usage=usage)
    said = [chunk["choices"][0]["delta"].get("content") for chunk in chunks if chunk["choices"]]
    assert "".join(part or "" for part in said) == "Hello world"
    counted = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    assert [(used["prompt_tokens"], used["completion_tokens"]) for used in counted] == (
        [(10, 5)] if usage else []
    )
    assert (chunks[-1]["choices"] == []) is usage


async def test_t13_every_recorded_stream_adds_up_to_the_whole_answer(
    node: Node, upstream: FakeAnthropic, recordings: Recordings
) -> None:
    upstream.always(recordings.play)
    answers = await node.returns("openai", "both", names=list(recordings.messages))
    assert set(answers) == set(recordings.messages)
    for name, answer in answers.items():
        assert essence(answer["streamed"]) == essence(answer["whole"]), name


async def test_t11_streamed_parallel_calls_are_kept_apart(
    node: Node, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(*CALLS, stop_reason="tool_use"))
    got = await node.returns("openai", "tools")
    assert [json.loads(call["arguments"]) for call in got["done"]] == [
        {"city": "Bern"},
        {"city": "Chur"},
    ]
    [choice] = got["final"]["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["toolu_a", "toolu_b"]


@pytest.mark.parametrize("streamed", [True, False])
async def test_t01_its_own_loop_runs_tools_and_sends_the_results_up(
    node: Node, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    upstream.script(answering(*CALLS, stop_reason="tool_use"), answering(text("Sunny in Bern.")))
    got = await node.returns("openai", "runTools", streamed=streamed)
    assert got == {"said": "Sunny in Bern.", "asked": [{"city": "Bern"}, {"city": "Chur"}]}
    results = upstream.turns[1].json["messages"][-1]
    assert results["role"] == "user"
    assert [(part["tool_use_id"], part["content"]) for part in results["content"]] == [
        ("toolu_a", "sun"),
        ("toolu_b", "rain"),
    ]


async def test_an_answer_by_schema_is_parsed(node: Node, upstream: FakeAnthropic) -> None:
    ada = {"name": "Ada", "age": 36}
    upstream.always(answering(text(json.dumps(ada)[:9], json.dumps(ada)[9:])))
    assert await node.returns("openai", "parse") == {"whole": ada, "streamed": ada}
    for turn in upstream.turns:
        wanted = turn.json["output_config"]["format"]
        assert wanted["type"] == "json_schema"
        assert set(wanted["schema"]["properties"]) == {"name", "age"}


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ((400, "invalid_request_error"), ("BadRequestError", 400, "invalid_request")),
        ((404, "not_found_error"), ("NotFoundError", 404, "not_found")),
        ((429, "rate_limit_error"), ("RateLimitError", 429, "rate_limited")),
        ((401, "authentication_error"), ("InternalServerError", 502, "upstream_auth_error")),
        ((529, "overloaded_error"), ("InternalServerError", 503, "overloaded")),
    ],
)
@pytest.mark.parametrize("scenario", ["whole", "stream"])
async def test_a_refusal_of_upstream_raises_the_right_exception(
    node: Node,
    upstream: FakeAnthropic,
    scenario: str,
    said: tuple[int, str],
    seen: tuple[str, int, str],
) -> None:
    status, kind = said
    upstream.script(Reply(status, error(kind, "Not this time.")))
    raised = await node.raises("openai", scenario)
    assert (raised["class"], raised["status"], raised["code"]) == seen
    assert raised["type"] == ("api_error" if status == 401 else kind)
    assert raised["requestID"].startswith("req_")


async def test_a_mistake_names_its_field(node: Node, upstream: FakeAnthropic) -> None:
    raised = await node.raises("openai", "mistake")
    assert (raised["class"], raised["param"]) == ("BadRequestError", "messages")
    assert upstream.turns == []


@pytest.mark.parametrize("scenario", ["stream", "tools"])
async def test_t16_an_error_after_text_is_thrown(
    node: Node, upstream: FakeAnthropic, scenario: str
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], error_event()]))
    raised = await node.raises("openai", scenario)
    assert (raised["class"], raised["message"]) == ("APIError", "Overloaded")
    assert (raised["type"], raised["code"]) == ("overloaded_error", "overloaded")


async def test_what_may_pass_is_tried_again_when_the_gateway_says(
    node: Node, upstream: FakeAnthropic
) -> None:
    upstream.script(
        Reply(529, error("overloaded_error", "Overloaded"), {"retry-after": "0"}),
        Reply(429, error("rate_limit_error", "Slow down."), {"retry-after": "1"}),
    )
    got = await node.returns("openai", "retried", times=2)
    assert got["said"] == "Hello world"
    assert got["ms"] >= 1000
    assert len(upstream.turns) == 3


async def test_what_will_not_pass_is_not_tried_again(node: Node, upstream: FakeAnthropic) -> None:
    upstream.always(Reply(401, error("authentication_error", "invalid x-api-key")))
    raised = await node.raises("openai", "retried", times=2)
    assert raised["status"] == 502  # which the client tries again, unless it is told not to
    assert len(upstream.turns) == 1


async def test_t24_a_client_that_leaves_lets_upstream_go(
    node: Node, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], Hang()]))
    await node.returns("openai", "leave")
    assert await upstream.wait_closed(timeout=2) < 1


async def test_models_are_listed(node: Node, upstream: FakeAnthropic) -> None:
    assert MODEL in await node.returns("openai", "models")


def essence(completion: Mapping[str, Any]) -> Mapping[str, object]:
    """All that is the same however an answer arrives: JSON may have other blanks, nothing is ''."""
    [choice] = completion["choices"]
    message = choice["message"]
    return {
        "usage": completion["usage"],
        "finish_reason": choice["finish_reason"],
        "content": message["content"] or None,
        "refusal": message["refusal"],
        "calls": [
            (call["id"], call["function"]["name"], call["function"]["arguments"].replace(" ", ""))
            for call in message.get("tool_calls") or []
        ],
    }
