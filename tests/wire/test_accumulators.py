"""T-13: what official clients add up from each recorded stream is the answer in one piece."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import anthropic
import openai
import pytest
from openai.types.chat import ChatCompletion

from claude_gateway.testing import FakeAnthropic
from claude_gateway.testing.wire import MODEL

if TYPE_CHECKING:
    from tests.wire.conftest import Recordings

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOLDEN = Path(__file__).parent.parent / "golden"
BROKEN = ["error", "error_in_tool", "truncated"]
NAMES = {path.stem for path in GOLDEN.glob("*.sse") if "." not in path.stem}
WHOLE = sorted(NAMES.difference(BROKEN))


@pytest.mark.parametrize("name", WHOLE)
async def test_t13_t18_openais_client_adds_a_stream_up_to_the_whole_answer(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, recordings: Recordings, name: str
) -> None:
    upstream.always(recordings.play)
    streamed = await added_up(openai_client, name)
    whole = await openai_client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": name}]
    )
    assert essence(streamed) == essence(whole)
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens


async def test_t11_openais_client_keeps_parallel_calls_apart(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, recordings: Recordings
) -> None:
    upstream.always(recordings.play)
    [choice] = (await added_up(openai_client, "parallel_tools")).choices
    calls = [call for call in choice.message.tool_calls or [] if call.type == "function"]
    assert [(call.id, call.function.name) for call in calls] == [
        ("toolu_01A", "weather"),
        ("toolu_01B", "clock"),
        ("toolu_01C", "weather"),
    ]
    assert [json.loads(call.function.arguments) for call in calls] == [
        {"city": "Chur", "n": 12345678901234567890123},
        {},
        {"city": "Bern"},
    ]


@pytest.mark.parametrize("name", BROKEN)
async def test_t16_openais_client_raises_for_a_broken_stream(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, recordings: Recordings, name: str
) -> None:
    upstream.always(recordings.play)
    async with openai_client.chat.completions.stream(
        model=MODEL, messages=[{"role": "user", "content": name}]
    ) as answer:
        with pytest.raises(openai.APIError) as caught:
            await answer.until_done()
        [choice] = answer.current_completion_snapshot.choices
        assert choice.to_dict()["finish_reason"] is None
    assert caught.value.type in {"overloaded_error", "api_error"}
    assert caught.value.code


@pytest.mark.parametrize("name", WHOLE)
async def test_t13_anthropics_client_adds_a_stream_up_as_if_no_gateway_were_there(
    anthropic_client: anthropic.AsyncAnthropic,
    upstream: FakeAnthropic,
    recordings: Recordings,
    name: str,
) -> None:
    upstream.always(recordings.play)
    assert await recordings.fold(anthropic_client, name) == recordings.messages[name]


@pytest.mark.parametrize("name", BROKEN)
async def test_t16_anthropics_client_raises_for_a_broken_stream(
    anthropic_client: anthropic.AsyncAnthropic,
    upstream: FakeAnthropic,
    recordings: Recordings,
    name: str,
) -> None:
    upstream.always(recordings.play)
    with pytest.raises(anthropic.APIStatusError) as caught:
        await recordings.fold(anthropic_client, name)
    assert caught.value.type in {"overloaded_error", "api_error"}


async def added_up(client: openai.AsyncOpenAI, name: str) -> ChatCompletion:
    async with client.chat.completions.stream(
        model=MODEL,
        messages=[{"role": "user", "content": name}],
        stream_options={"include_usage": True},
    ) as answer:
        try:
            return await answer.get_final_completion()
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):
            # It raises for these two ends, which have nothing to parse.
            return answer.current_completion_snapshot


def essence(completion: ChatCompletion) -> Mapping[str, object]:
    """All that is the same however an answer arrives: JSON may have other blanks, nothing is ''."""
    [choice] = completion.choices
    message = choice.message
    return {
        "id": completion.id,
        "model": completion.model,
        "usage": completion.usage,
        "finish_reason": choice.finish_reason,
        "content": message.content or None,
        "refusal": message.refusal,
        "reasoning": (message.model_extra or {}).get("reasoning_content"),
        "calls": [
            (call.id, call.function.name, parsed(call.function.arguments))
            for call in message.tool_calls or []
            if call.type == "function"
        ],
    }


def parsed(arguments: str) -> object:
    """Arguments that were cut off are no JSON; they are compared as they are."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
