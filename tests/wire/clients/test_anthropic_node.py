"""Anthropic's own client for Node, pointed at the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

BLOCKS = (
    thinking("Hm", ".", signature="c2ln"),
    text("Let me", " look."),
    tool_use("weather", '{"city":', '"Bern"}', id="toolu_a"),
    tool_use("weather", '{"city":"Chur"}', id="toolu_b"),
)


async def test_an_answer_in_one_piece_arrives(node: Node, upstream: FakeAnthropic) -> None:
    answer = await node.returns("anthropic", "whole")
    assert answer["content"] == [{"type": "text", "text": "Hello world"}]
    assert (answer["stop_reason"], answer["usage"]["input_tokens"]) == ("end_turn", 10)


async def test_thinking_text_and_calls_add_up(node: Node, upstream: FakeAnthropic) -> None:
    upstream.script(answering(*BLOCKS, stop_reason="tool_use"))
    got = await node.returns("anthropic", "stream")
    assert got["final"]["content"] == [block.whole for block in BLOCKS]
    assert got["final"]["stop_reason"] == "tool_use"
    assert got["texts"] == ["Let me", " look."]
    assert got["inputs"][-1] == {"city": "Chur"}


async def test_t13_every_recorded_stream_adds_up_as_if_no_gateway_were_there(
    node: Node, upstream: FakeAnthropic, recordings: Recordings
) -> None:
    upstream.always(recordings.play)
    answers = await node.returns("anthropic", "streams", names=list(recordings.messages))
    assert set(answers) == set(recordings.messages)
    for name, message in recordings.messages.items():
        assert answers[name]["stop_reason"] == message["stop_reason"], name
        assert answers[name]["usage"] == message["usage"], name
        if name != "parallel_tools":  # JavaScript has no such numbers as are in there
            assert answers[name]["content"] == message["content"], name


async def test_its_own_loop_runs_tools_and_its_betas_reach_upstream(
    node: Node, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(*BLOCKS, stop_reason="tool_use"), answering(text("Sunny in Bern.")))
    got = await node.returns("anthropic", "runTools")
    assert got["asked"] == ["Bern", "Chur"]
    assert got["final"]["content"] == [{"type": "text", "text": "Sunny in Bern."}]
    for turn in upstream.turns:
        assert turn.headers["anthropic-beta"].startswith("one-2026-01-01,two-2026-02-02")
        assert turn.headers["anthropic-version"] == "2026-10-21"
    [results] = upstream.turns[1].json["messages"]  # the rest is in a thread, which it asked for
    assert upstream.turns[1].json["thread"]["previous_message_id"] == "msg_01"
    assert [(part["tool_use_id"], part["content"]) for part in results["content"]] == [
        ("toolu_a", "sun"),
        ("toolu_b", "rain"),
    ]


async def test_its_own_loop_begins_anew_when_upstream_has_lost_the_thread(
    node: Node, upstream: FakeAnthropic
) -> None:
    gone = error("not_found_error", "There is no such thread.", error_code="thread_not_found")
    upstream.script(
        answering(*BLOCKS, stop_reason="tool_use"), Reply(404, gone), answering(text("Sunny."))
    )
    got = await node.returns("anthropic", "runTools")
    assert got["asked"] == ["Bern", "Chur"]
    assert got["final"]["content"] == [{"type": "text", "text": "Sunny."}]
    _, said, results = upstream.turns[2].json["messages"]
    assert said["content"] == [block.whole for block in BLOCKS]
    assert len(results["content"]) == 2


async def test_tokens_are_counted(node: Node, upstream: FakeAnthropic) -> None:
    upstream.script(Reply(body={"input_tokens": 42}), path="/v1/messages/count_tokens")
    assert await node.returns("anthropic", "count") == {"input_tokens": 42}


async def test_models_are_listed(node: Node, upstream: FakeAnthropic) -> None:
    got = await node.returns("anthropic", "models")
    assert MODEL in [model["id"] for model in got["listed"]]
    assert {model["type"] for model in got["listed"]} == {"model"}
    assert got["one"]["display_name"]


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ((400, "invalid_request_error"), ("BadRequestError", 400)),
        ((404, "not_found_error"), ("NotFoundError", 404)),
        ((429, "rate_limit_error"), ("RateLimitError", 429)),
        ((401, "authentication_error"), ("InternalServerError", 502)),
        ((529, "overloaded_error"), ("OverloadedError", 529)),
    ],
)
@pytest.mark.parametrize("scenario", ["whole", "stream"])
async def test_a_refusal_of_upstream_raises_the_right_exception(
    node: Node,
    upstream: FakeAnthropic,
    scenario: str,
    said: tuple[int, str],
    seen: tuple[str, int],
) -> None:
    status, kind = said
    upstream.script(Reply(status, error(kind, "Not this time.")))
    raised = await node.raises("anthropic", scenario)
    assert (raised["class"], raised["status"]) == seen
    assert raised["type"] == ("api_error" if status == 401 else kind)
    assert raised["requestID"].startswith("req_")


async def test_a_mistake_is_told(node: Node, upstream: FakeAnthropic) -> None:
    raised = await node.raises("anthropic", "mistake")
    assert (raised["class"], raised["type"]) == ("BadRequestError", "invalid_request_error")
    assert "messages" in raised["message"]
    assert upstream.turns == []


async def test_t16_an_error_after_text_is_thrown(node: Node, upstream: FakeAnthropic) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], error_event()]))
    raised = await node.raises("anthropic", "stream")
    assert "Overloaded" in raised["message"]
    assert raised["type"] == "overloaded_error"


async def test_what_may_pass_is_tried_again_when_the_gateway_says(
    node: Node, upstream: FakeAnthropic
) -> None:
    upstream.script(
        Reply(529, error("overloaded_error", "Overloaded"), {"retry-after": "0"}),
        Reply(429, error("rate_limit_error", "Slow down."), {"retry-after": "1"}),
    )
    got = await node.returns("anthropic", "retried", times=2)
    assert got["said"] == "Hello world"
    assert got["ms"] >= 1000
    assert len(upstream.turns) == 3


async def test_what_will_not_pass_is_not_tried_again(node: Node, upstream: FakeAnthropic) -> None:
    upstream.always(Reply(401, error("authentication_error", "invalid x-api-key")))
    raised = await node.raises("anthropic", "retried", times=2)
    assert raised["status"] == 502  # which the client tries again, unless it is told not to
    assert len(upstream.turns) == 1


async def test_t24_a_client_that_leaves_lets_upstream_go(
    node: Node, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], Hang()]))
    await node.returns("anthropic", "leave")
    assert await upstream.wait_closed(timeout=2) < 1
