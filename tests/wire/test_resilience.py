"""What clients see of an upstream that keeps failing: a circuit that opens and closes again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from claude_gateway.testing import Cut, FakeAnthropic, GatewayProcess, Hang, Reply, Stream
from claude_gateway.testing.process import GatewayDidNotStart
from claude_gateway.testing.raw import ask, message_body, refused
from claude_gateway.testing.upstream import Step
from claude_gateway.testing.wire import error, text_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
BUSY = Reply(529, error("overloaded_error", "Overloaded"), {"retry-after": "0"})
BROKEN: dict[str, Step] = {
    "overloaded": BUSY,
    "broken off": Stream([*text_stream("Hel")[:4], Cut()]),
    "gone": Cut(),
}


@asynccontextmanager
async def gateway_with(env: dict[str, str], **settings: str) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(env | settings) as gateway:
        yield gateway


async def line(gateway: GatewayProcess, name: str) -> tuple[object, object]:
    health = (await ask(gateway.port, "GET", "/health?deep=1")).json
    return health["checks"][name], health["details"][name]["detail"]


@pytest.mark.parametrize("failure", BROKEN.values(), ids=BROKEN)
async def test_t16_an_upstream_that_keeps_failing_is_left_alone_and_health_says_so(
    env: dict[str, str], upstream: FakeAnthropic, failure: Step
) -> None:
    async with gateway_with(env, GATEWAY_BREAKER_FAILURES="2") as gateway:
        assert await line(gateway, "anthropic_breaker") == (True, "closed")
        upstream.always(failure)
        for path in (CHAT, MESSAGES):
            await ask(gateway.port, "POST", path, message_body(stream=True))
        for path in (CHAT, MESSAGES):
            response = await ask(gateway.port, "POST", path, message_body())
            refused(response, 503, "circuit_open")
            assert 1 <= int(response.header("retry-after") or 0) <= 10
            assert response.header("x-should-retry") == "true"
        ok, detail = await line(gateway, "anthropic_breaker")
    assert not ok
    assert str(detail).startswith("open after 2")
    assert len(upstream.turns) == 2


async def test_after_the_cooldown_an_answer_lets_everybody_in_again(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    settings = {"GATEWAY_BREAKER_FAILURES": "1", "GATEWAY_BREAKER_COOLDOWN": "0.1"}
    async with gateway_with(env, **settings) as gateway:
        upstream.script(BUSY)
        refused(await ask(gateway.port, "POST", CHAT, message_body()), 503, "overloaded")
        while (await ask(gateway.port, "POST", CHAT, message_body())).status == 503:
            pass
        assert await line(gateway, "anthropic_breaker") == (True, "closed")
        assert (await ask(gateway.port, "POST", MESSAGES, message_body())).status == 200


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_retries_are_told_in_a_header(
    env: dict[str, str], upstream: FakeAnthropic, path: str, streamed: bool
) -> None:
    async with gateway_with(env, GATEWAY_MAX_RETRIES="2") as gateway:
        upstream.script(BUSY, BUSY)
        body = message_body(stream=streamed)
        response = await ask(gateway.port, "POST", path, body)
        assert (response.status, response.header("x-gateway-retries")) == (200, "2")
        plain = await ask(gateway.port, "POST", path, body)
        assert (plain.status, plain.header("x-gateway-retries")) == (200, None)
        upstream.always(BUSY)
        failed = await ask(gateway.port, "POST", path, body)
        assert failed.header("x-gateway-retries") == "2"


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_caller_in_a_hurry_is_told_in_time_and_upstream_is_let_go(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, streamed: bool
) -> None:
    upstream.always(Hang())
    headers = {"x-gateway-timeout": "0.1"}
    response = await ask(gateway.port, "POST", path, message_body(stream=streamed), headers)
    refused(response, 504, "deadline_exceeded")
    await upstream.wait_closed(1, timeout=1)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_a_deadline_in_the_middle_of_an_answer_is_an_error_in_the_stream(
    env: dict[str, str], upstream: FakeAnthropic, path: str
) -> None:
    upstream.always(Stream([*text_stream("Hel")[:4], Hang()]))
    async with gateway_with(env, GATEWAY_DEADLINE="0.3") as gateway:
        headers = {"x-gateway-timeout": "60"}  # cannot ask for more
        response = await ask(gateway.port, "POST", path, message_body(stream=True), headers)
        assert response.status == 200
        assert b"timeout_error" in response.body
        assert b"deadline_exceeded" in response.body or path == MESSAGES
        await upstream.wait_closed(1, timeout=1)


@pytest.mark.parametrize("asked", ["0", "-1", "soon", "nan"])
async def test_a_timeout_that_is_none_is_named(
    gateway: GatewayProcess, upstream: FakeAnthropic, asked: str
) -> None:
    headers = {"x-gateway-timeout": asked}
    response = await ask(gateway.port, "POST", CHAT, message_body(), headers)
    refused(response, 400, "invalid_header", "x-gateway-timeout")


FALLBACKS = {"GATEWAY_FALLBACKS": "claude-sonnet-5-5=claude-haiku-5-5"}
THOUGHTS = {
    "thinking": {"type": "thinking", "thinking": "Hm.", "signature": "s"},
    "thinking that is not shown": {"type": "thinking", "thinking": "", "signature": "s"},
    "redacted thinking": {"type": "redacted_thinking", "data": "s"},
}


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("streamed", [True, False])
async def test_another_model_answers_and_it_is_said_which(
    env: dict[str, str], upstream: FakeAnthropic, path: str, streamed: bool
) -> None:
    body = message_body(model="claude-sonnet-5-5", stream=streamed)
    async with gateway_with(env, **FALLBACKS) as gateway:
        upstream.script(BUSY)
        response = await ask(gateway.port, "POST", path, body)
        assert response.status == 200
        told = response.header("x-gateway-fallback")
        assert told == "claude-sonnet-5-5 -> claude-haiku-5-5"
        models = [turn.json["model"] for turn in upstream.turns]
        assert models == ["claude-sonnet-5-5", "claude-haiku-5-5"]
        upstream.script(Reply(400, error("invalid_request_error", "No.")))
        refused(await ask(gateway.port, "POST", path, body), 400)
        upstream.always(BUSY)
        last = await ask(gateway.port, "POST", path, body)
        assert (last.status >= 500, last.header("x-gateway-fallback")) == (True, None)


HI, GO_ON = {"role": "user", "content": "Hi"}, {"role": "user", "content": "Go on."}
BOUND = {
    **{
        name: {"messages": [HI, {"role": "assistant", "content": [thought]}, GO_ON]}
        for name, thought in THOUGHTS.items()
    },
    "a thread": {"messages": [GO_ON], "thread": {"type": "continue", "previous_message_id": "m"}},
}


@pytest.mark.parametrize("bound", BOUND.values(), ids=BOUND)
async def test_t08_a_conversation_that_only_its_model_can_go_on_with_stays_there(
    env: dict[str, str], upstream: FakeAnthropic, bound: dict[str, object]
) -> None:
    body = message_body(model="claude-sonnet-5-5") | bound
    async with gateway_with(env, **FALLBACKS) as gateway:
        upstream.always(BUSY)
        refused(await ask(gateway.port, "POST", MESSAGES, body), 529, "overloaded")
    assert len(upstream.turns) == 1


async def test_an_unknown_model_in_a_chain_stops_the_start(env: dict[str, str]) -> None:
    with pytest.raises(GatewayDidNotStart, match="there is no model 'claude-tpyo' here"):
        async with gateway_with(env, GATEWAY_FALLBACKS="*=claude-tpyo"):
            pass
