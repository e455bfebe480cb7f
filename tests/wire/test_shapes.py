"""Answers that must have a shape: the client is told when one does not."""

from __future__ import annotations

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from claude_gateway.testing import FakeAnthropic
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import MODEL, Block, text, tool_use

pytestmark = pytest.mark.asyncio(loop_scope="session")

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]
AGE = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}}
SHAPES = {
    "object": {"type": "json_object"},
    "schema": {"type": "json_schema", "json_schema": {"name": "a", "schema": AGE}},
    "none": {"type": "text"},
}


@pytest.mark.parametrize(
    ("shape", "block", "verdict"),
    [
        ("object", text('{"age":-1}'), "true"),
        ("object", text("Sure: {}"), "false"),
        ("schema", text('{"age":', "1}"), "true"),
        ("schema", text('{"age":-1}'), "false"),
        ("schema", tool_use("look"), None),
        ("none", text("Hi"), None),
    ],
)
async def test_an_answer_that_does_not_fit_its_shape_is_told(
    openai_client: openai.AsyncOpenAI,
    upstream: FakeAnthropic,
    shape: str,
    block: Block,
    verdict: str | None,
) -> None:
    upstream.script(answering(block))
    raw = openai_client.chat.completions.with_raw_response
    answer = await raw.create(
        model=MODEL, messages=HELLO, extra_body={"response_format": SHAPES[shape]}
    )
    assert answer.headers.get("x-gateway-schema-valid") == verdict


async def test_the_shape_of_a_stream_is_not_checked(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(text("Sure: {}")))
    raw = openai_client.chat.completions.with_raw_response
    answer = await raw.create(
        model=MODEL,
        messages=HELLO,
        response_format={"type": "json_object"},
        stream=True,
    )
    assert "x-gateway-schema-valid" not in answer.headers
