"""Several keys of the operator's, as clients meet them: one fails, another answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import product

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Reply
from claude_gateway.testing.raw import (
    Connection,
    ask,
    chat_body,
    message_body,
    refused,
    request,
)
from claude_gateway.testing.upstream import Answer, Received, answering
from claude_gateway.testing.wire import error, text

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
KEYS = tuple(f"sk-ant-api03-CANARY-{i}" for i in (1, 2, 3))
LIMIT = error("rate_limit_error", "Slow down")
HELLO = answering(text("Hello"))


@asynccontextmanager
async def gateway_with(env: dict[str, str], **settings: str) -> AsyncGenerator[GatewayProcess]:
    ours = {"ANTHROPIC_API_KEY": KEYS[0], "ANTHROPIC_API_KEYS": ",".join(KEYS[1:])}
    loud = {"DEBUG": "true", "LOG_FORMAT": "json", "GATEWAY_MAX_RETRIES": "2"}
    async with GatewayProcess(env | ours | loud | settings) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()


def used(upstream: FakeAnthropic) -> list[str]:
    return [turn.headers["x-api-key"] for turn in upstream.turns]


def limited(upstream: FakeAnthropic, waits: dict[str, str]) -> None:
    """Let upstream refuse these keys, each with its retry-after."""

    def step(received: Received) -> Answer:
        wait = waits.get(received.headers["x-api-key"])
        if wait is not None:
            return Reply(429, LIMIT, {"retry-after": wait})
        assert callable(HELLO)
        return HELLO(received)

    upstream.always(step)


@pytest.mark.parametrize("transport", ["lean", "aiohttp", "sdk"])
async def test_a_limited_key_is_not_waited_for_while_another_is_free(
    env: dict[str, str], upstream: FakeAnthropic, transport: str
) -> None:
    async with gateway_with(env, ANTHROPIC_TRANSPORT=transport) as gateway:
        for i, (path, streamed) in enumerate(product((CHAT, MESSAGES), (True, False))):
            upstream.reset()
            await ask(gateway.port, "POST", path, message_body(f"talk {i}"))
            own = used(upstream)[0]
            limited(upstream, {own: "50"})
            body = message_body(f"talk {i}", stream=streamed, model=f"claude-of-the-future-{i}")
            response = await ask(gateway.port, "POST", path, body)
            assert response.status == 200
            assert b"Hello" in response.body
            assert response.header("x-gateway-retries") == "1"
            assert b"CANARY" not in response.head + response.body
            assert used(upstream)[1] == own != used(upstream)[2]


async def test_without_retries_the_client_is_told_to_come_back_at_once(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    async with gateway_with(env, GATEWAY_MAX_RETRIES="0") as gateway:
        assert (await ask(gateway.port, "POST", CHAT, chat_body())).status == 200
        limited(upstream, {used(upstream)[0]: "50"})
        response = await ask(gateway.port, "POST", CHAT, chat_body())
        refused(response, 429, "rate_limited")
        assert response.header("retry-after") == "0"
        assert response.header("x-should-retry") == "true"
        assert (await ask(gateway.port, "POST", CHAT, chat_body())).status == 200


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_when_every_key_is_limited_the_shortest_wait_is_told(
    env: dict[str, str], upstream: FakeAnthropic, path: str
) -> None:
    limited(upstream, dict(zip(KEYS, ("300", "100", "200"), strict=True)))
    async with gateway_with(env) as gateway:
        for retries in ("2", None):
            response = await ask(gateway.port, "POST", path, message_body())
            refused(response, 429, "rate_limited")
            assert 90 < int(response.header("retry-after") or 0) <= 100
            assert response.header("x-gateway-retries") == retries
    assert sorted(used(upstream)) == sorted(KEYS)


async def test_s11_a_revoked_key_costs_no_answer_and_health_names_it_by_its_number(
    env: dict[str, str],
) -> None:
    async with FakeAnthropic(keys=(KEYS[0], KEYS[2])) as upstream:
        settings = {"ANTHROPIC_BASE_URL": upstream.url}
        async with gateway_with(env, **settings) as gateway:
            for i in range(12):
                response = await ask(gateway.port, "POST", CHAT, chat_body(f"talk {i}"))
                assert response.status == 200
            answer = await ask(gateway.port, "GET", "/health?deep=1")
            while "key 2 of 3" not in answer.json["details"]["anthropic_api"]["detail"]:
                await asyncio.sleep(0.05)  # until it has looked
                answer = await ask(gateway.port, "GET", "/health?deep=1")
            assert answer.json["mode"] == "live"
            detail = answer.json["details"]["anthropic_api"]["detail"]
            assert "key 2 of 3: refused with 401" in detail
            assert b"CANARY" not in answer.body
        lines = [json.loads(line) for line in gateway.stderr.splitlines()]
        said = [(line["event"], line.get("key"), line.get("status")) for line in lines]
        assert ("a key was put aside", "key 2 of 3", 401) in said
        assert ("a key was chosen", "key 1 of 3", None) in said


async def test_a_conversation_keeps_its_key_after_a_restart(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    for _ in range(2):
        async with gateway_with(env) as gateway:
            for i in range(6):
                for path in (CHAT, MESSAGES):
                    body = message_body(f"{path} {i}")
                    assert (await ask(gateway.port, "POST", path, body)).status == 200
            named = chat_body(prompt_cache_key="one")
            await ask(gateway.port, "POST", CHAT, named)
            await ask(gateway.port, "POST", CHAT, named | chat_body("another"))
    keys = used(upstream)
    assert keys[:14] == keys[14:]
    assert keys[12] == keys[13]
    assert len(set(keys)) > 1


@pytest.mark.parametrize("key", KEYS)
async def test_whoever_has_one_of_the_keys_is_the_owner(
    env: dict[str, str], upstream: FakeAnthropic, key: str
) -> None:
    async with gateway_with(env, GATEWAY_AUTH="required") as gateway:
        response = await ask(gateway.port, "POST", CHAT, chat_body(), {"x-api-key": key})
        assert response.status == 200
        refused(await ask(gateway.port, "POST", CHAT, chat_body()), 401, "missing_api_key")


async def test_more_keys_alone_are_enough_to_leave_demo_mode(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    async with gateway_with(env, ANTHROPIC_API_KEY="") as gateway:
        assert "DEMO" not in gateway.stdout
        assert "anthropic (" in gateway.stdout
        assert (await ask(gateway.port, "GET", "/health")).json["mode"] == "live"
        assert (await ask(gateway.port, "POST", CHAT, chat_body())).status == 200
    assert used(upstream)[0] in KEYS[1:]


async def test_a_key_that_is_none_stops_the_start_without_being_printed(
    env: dict[str, str],
) -> None:
    gateway = GatewayProcess(env | {"ANTHROPIC_API_KEYS": f"{KEYS[0]},CANARY-gw"})
    with pytest.raises(RuntimeError, match="ANTHROPIC_API_KEYS: an Anthropic API key begins"):
        await gateway.__aenter__()
    assert "CANARY" not in gateway.output()


async def test_a_turn_that_pauses_goes_on_with_its_key_however_busy_that_is(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    paused = answering(text("Hm"), stop_reason="pause_turn")
    async with gateway_with(env) as gateway:
        upstream.script(Hang(), paused, paused)
        async with Connection(gateway.port) as busy:
            await busy.send(request("POST", CHAT, chat_body("Hi", tools=tools)))
            await upstream.wait_turns(1)
            response = await ask(gateway.port, "POST", CHAT, chat_body("Hi", tools=tools))
        assert response.status == 200
        assert len(used(upstream)) == 4
        assert len(set(used(upstream))) == 1
