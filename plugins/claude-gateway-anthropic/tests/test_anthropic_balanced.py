"""Several keys of the operator's, over every transport: what upstream refuses to one, another gets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest
from claude_gateway_anthropic.backend import AnthropicBackend, open_backend
from claude_gateway_anthropic.settings import Account

from claude_gateway import (
    GatewayError,
    InvalidRequest,
    ModelRequest,
    Overloaded,
    RateLimited,
    Secret,
    UpstreamError,
)
from claude_gateway.testing import FakeAnthropic, Reply
from claude_gateway.testing.upstream import Answer, Received
from claude_gateway.testing.wire import MODEL, error, message, text_stream

KEYS = ("sk-ant-CANARY-1", "sk-ant-CANARY-2", "sk-ant-CANARY-3")
MESSAGES, COUNT = "/v1/messages", "/v1/messages/count_tokens"
OK = Reply(body=message("Hello"))
LIMIT = error("rate_limit_error", "Slow down")
POOR = error("invalid_request_error", "Your credit balance is too low to access the API.")
SPENT = error("invalid_request_error", "You have reached your specified API usage limits.")
REFUSALS = {
    "wrong key": (401, error("authentication_error", "invalid x-api-key")),
    "unpaid": (402, error("billing_error", "Pay first")),
    "forbidden": (403, error("permission_error", "Not for you")),
    "no credit": (400, POOR),
    "own limit": (400, SPENT),
}


class Desk:
    """Answers by key: what is in `says` for it, or else a message."""

    def __init__(self) -> None:
        self.says: dict[str, Answer] = {}

    def __call__(self, received: Received) -> Answer:
        return self.says.get(received.headers["x-api-key"], OK)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def upstream(desk: Desk) -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic() as upstream:
        upstream.always(desk)
        yield upstream


@pytest.fixture
async def backend(
    upstream: FakeAnthropic, account: Callable[..., Account]
) -> AsyncGenerator[AnthropicBackend]:
    first, *more = [Secret(key) for key in KEYS]
    ours = account(upstream.url, api_key=first, more_keys=tuple(more))
    async with open_backend(ours) as backend:
        yield backend


def saying(words: str = "Hi", model: str = MODEL, **more: object) -> ModelRequest:
    messages = [{"role": "user", "content": words}]
    return ModelRequest(model, {"max_tokens": 9, "messages": messages, **more})


def used(upstream: FakeAnthropic) -> list[str]:
    """The keys of the turns so far."""
    return [turn.headers["x-api-key"] for turn in upstream.turns]


async def refused(backend: AnthropicBackend, request: ModelRequest) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await backend.complete(request)
    return caught.value


async def own_key(backend: AnthropicBackend, upstream: FakeAnthropic) -> str:
    """The key by which the usual request goes."""
    await backend.complete(saying())
    return used(upstream)[-1]


async def test_conversations_are_spread_and_each_keeps_its_key(
    backend: AnthropicBackend, upstream: FakeAnthropic
) -> None:
    for _ in range(2):
        for i in range(24):
            await backend.complete(saying(f"talk {i}"))
    keys = used(upstream)
    assert keys[:24] == keys[24:]
    assert set(keys) == set(KEYS)


async def test_each_key_goes_alone(backend: AnthropicBackend, upstream: FakeAnthropic) -> None:
    await backend.complete(saying())
    names = [name.lower() for name in upstream.turns[0].headers]
    assert names.count("x-api-key") == 1
    assert "authorization" not in names


async def test_a_limited_key_rests_and_the_next_attempt_goes_at_once_to_another(
    backend: AnthropicBackend, upstream: FakeAnthropic, desk: Desk
) -> None:
    own = await own_key(backend, upstream)
    desk.says[own] = Reply(429, LIMIT, {"retry-after": "40", "x-should-retry": "false"})
    failed = await refused(backend, saying())
    assert isinstance(failed, RateLimited)
    assert (failed.retry_after, failed.should_retry) == (0, True)
    for _ in range(3):
        await backend.complete(saying())
    assert used(upstream)[1] == own
    (other,) = set(used(upstream)[2:])
    assert other != own


async def test_when_all_keys_are_limited_the_shortest_wait_is_told_and_upstream_is_not_asked(
    backend: AnthropicBackend, upstream: FakeAnthropic, desk: Desk
) -> None:
    for key, wait in zip(KEYS, ("50", "20", "40"), strict=True):
        desk.says[key] = Reply(429, LIMIT, {"retry-after": wait})
    waits = [(await refused(backend, saying())).retry_after for _ in range(4)]
    assert waits[:2] == [0, 0]
    assert waits[2] == pytest.approx(20, abs=2)
    assert waits[3] == pytest.approx(20, abs=2)
    assert len(upstream.turns) == 3
    # Limits are by model, and counting has its own.
    upstream.always(OK)
    await backend.complete(saying(model="claude-haiku-5-5"))
    await backend.count_tokens(saying())


@pytest.mark.parametrize(("asked", "rest"), [(None, 30), ("0", 1), ("9000000", 3600)])
async def test_a_rest_has_bounds(
    backend: AnthropicBackend, desk: Desk, asked: str | None, rest: float
) -> None:
    headers = {} if asked is None else {"retry-after": asked}
    desk.says = dict.fromkeys(KEYS, Reply(429, LIMIT, headers))
    waits = [(await refused(backend, saying())).retry_after for _ in KEYS]
    assert waits == [0, 0, pytest.approx(rest, abs=0.9)]


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_key_that_is_refused_is_put_aside_and_named_by_its_number(
    backend: AnthropicBackend,
    upstream: FakeAnthropic,
    desk: Desk,
    refusal: tuple[int, dict[str, object]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = await own_key(backend, upstream)
    label = f"key {KEYS.index(own) + 1} of 3"
    desk.says[own] = Reply(*refusal)
    upstream.always(desk, path="/v1/models")
    failed = await refused(backend, saying())
    assert (failed.retry_after, failed.should_retry) == (0, True)
    for _ in range(3):
        await backend.complete(saying())
    assert used(upstream).count(own) == 2
    health = await backend.check_health()
    assert health.ok
    assert f"{label}: refused with {refusal[0]}, put aside for " in health.detail
    assert health.detail.count("ready") == 2
    assert "a key was put aside" in caplog.messages
    assert "CANARY" not in health.detail + failed.message + str(
        [vars(record) for record in caplog.records]
    )


async def test_when_all_keys_are_refused_one_is_tried_and_its_refusal_told(
    backend: AnthropicBackend, upstream: FakeAnthropic, desk: Desk
) -> None:
    own = await own_key(backend, upstream)
    desk.says = dict.fromkeys(KEYS, Reply(*REFUSALS["forbidden"]))
    failures = [await refused(backend, saying()) for _ in range(4)]
    assert [failed.should_retry for failed in failures] == [True, True, False, False]
    assert all(isinstance(failed, UpstreamError) for failed in failures)
    assert failures[3].code == "upstream_auth_error"
    assert used(upstream)[-1] == own
    assert len(upstream.turns) == 5
    desk.says = {}
    await backend.complete(saying())  # and as soon as it is mended it works
    assert f"key {KEYS.index(own) + 1} of 3: ready" in (await backend.check_health()).detail


async def test_a_refused_key_beside_limited_ones_is_no_reason_to_give_up(
    backend: AnthropicBackend, upstream: FakeAnthropic, desk: Desk
) -> None:
    own = await own_key(backend, upstream)
    desk.says = dict.fromkeys(KEYS, Reply(429, LIMIT, {"retry-after": "20"}))
    await refused(backend, saying())
    await refused(backend, saying())
    last = next(key for key in KEYS if key not in used(upstream))
    desk.says[last] = Reply(*REFUSALS["wrong key"])
    failed = await refused(backend, saying())
    assert used(upstream)[-1] == last != own
    assert isinstance(failed, RateLimited)
    assert failed.retry_after == pytest.approx(20, abs=2)


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (Reply(400, error("invalid_request_error", "No: Your credit balance")), InvalidRequest),
        (Reply(529, error("overloaded_error", "Overloaded")), Overloaded),
        (Reply(500, error("api_error", "Oops")), UpstreamError),
    ],
)
async def test_what_is_no_keys_fault_is_held_against_none(
    backend: AnthropicBackend,
    upstream: FakeAnthropic,
    desk: Desk,
    refusal: Reply,
    expected: type[GatewayError],
) -> None:
    own = await own_key(backend, upstream)
    desk.says[own] = refusal
    failed = await refused(backend, saying())
    assert isinstance(failed, expected)
    assert failed.retry_after is None
    await refused(backend, saying())
    assert set(used(upstream)) == {own}
    assert (await backend.check_health()).detail.count("ready") == 3


async def test_a_callers_own_key_is_neither_replaced_nor_remembered(
    backend: AnthropicBackend, upstream: FakeAnthropic, desk: Desk
) -> None:
    theirs = ModelRequest(MODEL, saying().params, upstream_key=Secret("sk-ant-theirs"))
    desk.says["sk-ant-theirs"] = Reply(429, LIMIT, {"retry-after": "20"})
    for _ in range(2):
        assert (await refused(backend, theirs)).retry_after == 20
    assert set(used(upstream)) == {"sk-ant-theirs"}
    assert (await backend.check_health()).detail.count("ready") == 3


async def test_calls_at_the_same_time_with_nothing_to_lose_are_shared_out(
    backend: AnthropicBackend, upstream: FakeAnthropic, desk: Desk
) -> None:
    go = asyncio.Event()
    desk.says = dict.fromkeys(KEYS, Reply(body=message("Hello"), after=go))
    calls = [asyncio.create_task(backend.complete(saying())) for _ in range(6)]
    await upstream.wait_turns(6)
    assert Counter(used(upstream)) == dict.fromkeys(KEYS, 2)
    go.set()
    await asyncio.gather(*calls)
    named = saying(metadata={"user_id": "somebody"})
    await asyncio.gather(*(backend.complete(named) for _ in range(6)))
    assert len(set(used(upstream)[6:])) == 1


async def test_streams_that_are_left_or_fail_keep_no_key_busy(
    backend: AnthropicBackend, upstream: FakeAnthropic, desk: Desk
) -> None:
    frames = text_stream("Hello")
    own = await own_key(backend, upstream)
    for step in [Reply(500, {}), Reply(400, {}), Reply(200, b"".join(frames)), Reply(200, b"no")]:
        desk.says = dict.fromkeys(KEYS, step)
        for _ in range(2):
            try:
                async with aclosing(backend.stream_batches(saying())) as batches:
                    async for _batch in batches:
                        break
            except GatewayError:
                pass
    desk.says = {}
    await backend.complete(saying())
    assert used(upstream)[-1] == own


async def test_thinking_goes_to_another_account_byte_for_byte(
    backend: AnthropicBackend, upstream: FakeAnthropic, desk: Desk
) -> None:
    raw = (
        b'{ "model":"claude-sonnet-5-5","max_tokens":9, "messages":[{"role":"user","content":"Hi"},'
        b'{"role":"assistant","content":[{"signature":"c2ln","type":"thinking","thinking":""}]}]}'
    )
    native = ModelRequest(MODEL, saying().params, stream=False, raw=raw)
    await backend.complete(native)
    own = used(upstream)[-1]
    desk.says[own] = Reply(429, LIMIT, {"retry-after": "20"})
    await refused(backend, native)
    await backend.complete(native)
    assert len(set(used(upstream))) == 2
    assert {turn.body for turn in upstream.turns} == {raw}


async def test_health_finds_a_key_that_is_revoked_and_one_that_is_mended(
    account: Callable[..., Account],
) -> None:
    async with FakeAnthropic(keys=KEYS[1:]) as upstream:
        first, *more = [Secret(key) for key in KEYS]
        ours = account(upstream.url, api_key=first, more_keys=tuple(more))
        async with open_backend(ours) as backend:
            health = await backend.check_health()
            assert health.ok
            assert health.detail.startswith("key 1 of 3: refused with 401")
            for i in range(12):
                await backend.complete(saying(f"talk {i}"))
            assert KEYS[0] not in used(upstream)
            assert len(await backend.list_models()) == 3  # asked with one that works
            upstream.always(Reply(body={"data": []}), path="/v1/models")
            assert (await backend.check_health()).detail.count("ready") == 3
            upstream.always(Reply(401, {}), path="/v1/models")
            assert not (await backend.check_health()).ok


async def test_health_says_that_upstream_is_out_of_reach(account: Callable[..., Account]) -> None:
    async with FakeAnthropic() as upstream:
        url = upstream.url
    ours = account(url, more_keys=(Secret("sk-ant-other"),))
    async with open_backend(ours) as backend:
        health = await backend.check_health()
    assert not health.ok
    assert "cannot be reached" in health.detail
