"""How much a key may use, at the running gateway: requests, tokens, answers at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import openai
import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Stream
from claude_gateway.testing.raw import Connection, Response, refused, request
from claude_gateway.testing.wire import MODEL, text_stream
from tests.wire.conftest import UPSTREAM_KEY, Caller
from tests.wire.test_keys import Issuing

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"
WORDS = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def issuing(fake: FakeAnthropic) -> AsyncGenerator[Issuing]:
    env = {
        "GATEWAY_AUTH": "required",
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_MAX_CONCURRENT": "2",
        "GATEWAY_MAX_WAITING": "4",
    }
    async with GatewayProcess(env) as gateway:
        yield Issuing(gateway)
    assert gateway.exit_code == 0


def held(first_words: asyncio.Event) -> Stream:
    """Return an answer that goes on only when a test says so."""
    start, *rest = text_stream("here it is")
    return Stream([start, first_words, *rest])


def left(answer: Response, of: str) -> int:
    return int(answer.header(f"x-ratelimit-remaining-{of}") or "nothing")


async def test_a_key_is_told_what_is_left_and_refused_when_nothing_is(
    issuing: Issuing, upstream: FakeAnthropic
) -> None:
    caller = await issuing.caller("--rpm", "3", name="three a minute")
    for rest in (2, 1, 0):
        answer = await caller.ask("POST", CHAT, WORDS)
        assert answer.status == 200, answer.body
        assert answer.header("x-ratelimit-limit-requests") == "3"
        assert left(answer, "requests") == rest
    answer = await caller.ask("POST", CHAT, WORDS)
    refused(answer, 429, "rate_limit_exceeded")
    assert 1 <= int(answer.header("retry-after") or 0) <= 61
    assert answer.header("x-should-retry") == "true"
    assert answer.header("x-ratelimit-remaining-requests") == "0"
    assert len(upstream.turns) == 3
    assert (await caller.ask("GET", "/health")).status == 200
    other = await issuing.caller(name="unlimited")
    answer = await other.ask("POST", CHAT, WORDS)
    assert answer.status == 200
    assert b"ratelimit" not in answer.head.lower()


async def test_what_is_refused_in_a_session_leaves_nothing_in_it(
    issuing: Issuing, upstream: FakeAnthropic
) -> None:
    caller = await issuing.caller("--tpm", "60", name="sixty tokens")
    said = {**WORDS, "session_id": "limited"}
    assert (await caller.ask("POST", CHAT, said)).status == 200
    refused(await caller.ask("POST", CHAT, {**said, "pad": "x" * 400}), 429, "rate_limit_exceeded")
    kept = await caller.get("/v1/sessions/limited/messages")
    assert [m["role"] for m in kept["messages"]] == ["user", "assistant"]


async def test_tokens_of_a_kept_answer_count_when_it_is_over(
    issuing: Issuing, upstream: FakeAnthropic
) -> None:
    caller = await issuing.caller("--tpm", "1000", name="a thousand tokens")
    answer = await caller.ask("POST", CHAT, {**WORDS, "session_id": "counted"})
    used = answer.json["usage"]["total_tokens"]
    async with asyncio.timeout(5):
        while left(await caller.ask("GET", "/v1/models"), "tokens") != 1000 - used:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("about", [{}, {"session_id": "together"}], ids=["alone", "in a session"])
async def test_so_many_answers_at_a_time_and_the_next_when_one_has_ended(
    issuing: Issuing, upstream: FakeAnthropic, about: dict[str, object]
) -> None:
    caller = await issuing.caller("--max-concurrent", "1", name=f"one at a time {len(about)}")
    go_on = asyncio.Event()
    upstream.script(held(go_on))
    first = asyncio.create_task(caller.ask("POST", CHAT, {**WORDS, **about, "stream": True}))
    await upstream.wait_turns(1, timeout=10)
    refused(await caller.ask("POST", CHAT, WORDS), 429, "too_many_concurrent")
    go_on.set()
    assert b"[DONE]" in (await first).body
    async with asyncio.timeout(5):
        while (await caller.ask("POST", CHAT, WORDS)).status != 200:
            await asyncio.sleep(0.01)


async def test_an_answer_that_outlives_its_connection_still_counts(
    issuing: Issuing, upstream: FakeAnthropic
) -> None:
    caller = await issuing.caller("--max-concurrent", "1", name="sleeping phone")
    go_on = asyncio.Event()
    upstream.script(held(go_on))
    said = {**WORDS, "stream": True, "session_id": "asleep"}
    async with Connection(caller.port) as phone:
        await phone.send(request("POST", CHAT, said, {"x-api-key": caller.key}))
        await upstream.wait_turns(1, timeout=10)
    refused(await caller.ask("POST", CHAT, WORDS), 429, "too_many_concurrent")
    go_on.set()
    async with asyncio.timeout(5):
        while (await caller.ask("POST", CHAT, WORDS)).status != 200:
            await asyncio.sleep(0.01)


async def test_one_device_cannot_starve_another_of_places(
    issuing: Issuing, upstream: FakeAnthropic
) -> None:
    greedy, modest = [await issuing.caller(name=name) for name in ("greedy", "modest")]
    gates = [asyncio.Event() for _ in range(7)]
    upstream.script(*(held(gate) for gate in gates))
    running = [asyncio.create_task(ask_for_stream(greedy)) for _ in range(2)]
    await upstream.wait_turns(2, timeout=10)
    waiting = [asyncio.create_task(ask_for_stream(greedy)) for _ in range(4)]
    await until_waiting(greedy, 4)
    one = asyncio.create_task(ask_for_stream(modest))
    given_way, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result().status for task in given_way] == [503]
    refused(given_way.pop().result(), 503, "queue_full")
    gates[0].set()
    await upstream.wait_turns(3, timeout=10)
    gates[1].set()
    await upstream.wait_turns(4, timeout=10)
    for gate in gates[2:4]:
        gate.set()
    assert (await one).status == 200  # two of the other's still wait
    for gate in gates:
        gate.set()
    answers = await asyncio.gather(*running, *waiting)
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 200, 503]


async def ask_for_stream(caller: Caller) -> Response:
    return await caller.ask("POST", CHAT, {**WORDS, "stream": True})


async def until_waiting(caller: Caller, count: int) -> None:
    """Wait until so many turns wait for a place."""
    async with asyncio.timeout(10):
        while (
            f"\nturns_queued {count:.1f}\n"
            not in (await caller.ask("GET", "/metrics")).body.decode()
        ):
            await asyncio.sleep(0.02)


async def test_the_official_client_knows_the_refusal_for_what_it_is(
    issuing: Issuing, upstream: FakeAnthropic
) -> None:
    caller = await issuing.caller("--rpm", "1", name="official")
    client = openai.AsyncOpenAI(
        base_url=f"http://127.0.0.1:{caller.port}/v1", api_key=caller.key, max_retries=0
    )
    async with client:
        await client.models.list()
        with pytest.raises(openai.RateLimitError) as refusal:
            await client.models.list()
    assert refusal.value.code == "rate_limit_exceeded"


async def test_limits_of_a_user_hold_for_all_keys_and_change_without_a_restart(
    issuing: Issuing, upstream: FakeAnthropic
) -> None:
    await issuing.run("users", "create", "ada", "--rpm", "2")
    one, two = [await issuing.caller("--user", "ada", name=f"ada's {n}") for n in "12"]
    assert left(await one.ask("GET", "/v1/models"), "requests") == 1
    assert left(await two.ask("GET", "/v1/models"), "requests") == 0
    refused(await one.ask("POST", CHAT, WORDS), 429, "rate_limit_exceeded")
    assert upstream.turns == []
    await issuing.run("users", "set", "ada", "--rpm", "50")
    async with asyncio.timeout(5):
        while (answer := await one.ask("GET", "/v1/models")).status != 200:
            await asyncio.sleep(0.05)
    assert answer.header("x-ratelimit-limit-requests") == "50"
