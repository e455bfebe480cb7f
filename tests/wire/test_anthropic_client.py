"""Anthropic's own client, pointed at the gateway."""

from __future__ import annotations

import anthropic
import pytest
from anthropic.types import Message, ToolParam

from claude_gateway.testing import FakeAnthropic, Reply
from claude_gateway.testing.wire import (
    MODEL,
    error,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLOCK: ToolParam = {"name": "clock", "input_schema": {"type": "object", "properties": {}}}


async def ask(client: anthropic.AsyncAnthropic) -> Message:
    return await client.messages.create(
        model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
    )


async def listen(client: anthropic.AsyncAnthropic) -> Message:
    async with client.messages.stream(
        model=MODEL,
        max_tokens=100,
        messages=[{"role": "user", "content": "Hello"}],
        tools=[CLOCK],
    ) as answer:
        return await answer.get_final_message()


async def test_an_answer_in_one_piece_arrives(anthropic_client: anthropic.AsyncAnthropic) -> None:
    answer = await ask(anthropic_client)
    assert answer.to_dict()["content"] == [{"type": "text", "text": "Hello world"}]
    assert answer.usage.input_tokens == 10
    assert answer._request_id


async def test_a_stream_adds_up_to_the_same(anthropic_client: anthropic.AsyncAnthropic) -> None:
    streamed, whole = await listen(anthropic_client), await ask(anthropic_client)
    assert streamed.to_dict(exclude_none=True) == whole.to_dict(exclude_none=True)


async def test_tokens_are_counted(
    anthropic_client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    upstream.script(Reply(body={"input_tokens": 42}), path="/v1/messages/count_tokens")
    counted = await anthropic_client.messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "Hello"}]
    )
    assert counted.input_tokens == 42


async def test_models_are_listed_in_anthropics_shape(
    anthropic_client: anthropic.AsyncAnthropic,
) -> None:
    listed = [model async for model in anthropic_client.models.list()]
    assert {model.type for model in listed} == {"model"}
    assert MODEL in [model.id for model in listed]
    assert (await anthropic_client.models.retrieve(MODEL)).display_name


async def test_what_upstream_says_for_programs_reaches_the_client(
    anthropic_client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    upstream.always(Reply(404, error("not_found_error", "Gone.", error_code="thread_not_found")))
    for call in (ask, listen):
        with pytest.raises(anthropic.NotFoundError) as caught:
            await call(anthropic_client)
        assert caught.value.error_code == "thread_not_found"


@pytest.mark.parametrize(
    ("said", "raised", "seen"),
    [
        ((400, "invalid_request_error"), anthropic.BadRequestError, 400),
        ((404, "not_found_error"), anthropic.NotFoundError, 404),
        ((413, "request_too_large"), anthropic.APIStatusError, 413),
        ((429, "rate_limit_error"), anthropic.RateLimitError, 429),
        ((401, "authentication_error"), anthropic.InternalServerError, 502),
        ((500, "api_error"), anthropic.InternalServerError, 502),
        ((529, "overloaded_error"), anthropic.InternalServerError, 529),
    ],
)
async def test_a_refusal_of_upstream_raises_the_right_exception(
    anthropic_client: anthropic.AsyncAnthropic,
    upstream: FakeAnthropic,
    said: tuple[int, str],
    raised: type[anthropic.APIStatusError],
    seen: int,
) -> None:
    status, kind = said
    upstream.always(Reply(status, error(kind, "Not this time.")))
    for call in (ask, listen):
        with pytest.raises(raised) as caught:
            await call(anthropic_client)
        assert caught.value.status_code == seen
        assert caught.value.request_id
        assert status in {401, 500} or caught.value.type == kind
