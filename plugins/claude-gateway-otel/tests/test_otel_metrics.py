"""Every figure moves when it should, and none has a label that clients can make up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from claude_gateway_otel.meters import TOKENS

from claude_gateway.testing import Reply, Stream
from claude_gateway.testing.raw import chat_body
from claude_gateway.testing.wire import MODEL, error, text_stream

if TYPE_CHECKING:
    from tests.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
USED = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 30}
OF_MODEL = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "anthropic",
    "gen_ai_request_model": MODEL,
}


async def test_a_call_of_a_model_is_measured(site: Site) -> None:
    site.upstream.script(Stream(text_stream("Hello", usage=USED)))
    await site.ask("POST", CHAT, chat_body(stream=True))
    receiver, answered = site.receiver, {**OF_MODEL, "gen_ai_response_model": MODEL}
    usage = "gen_ai.client.token.usage"
    assert await receiver.becomes(usage, 1, **answered, gen_ai_token_type="input") == 130
    assert await receiver.becomes(usage, 1, **answered, gen_ai_token_type="output") == 20
    assert await receiver.becomes("gen_ai.client.operation.duration", 1, **answered) > 0
    assert await receiver.becomes("gen_ai.client.operation.time_to_first_chunk", 1, **answered) > 0
    assert await receiver.becomes("gen_ai.server.time_to_first_token", 1, **OF_MODEL) > 0
    assert [*receiver.points[usage][0].explicit_bounds] == [*TOKENS]


async def test_a_call_that_fails_is_measured_with_its_code(site: Site) -> None:
    site.upstream.script(Reply(401, error("authentication_error", "CANARY")))
    await site.ask("POST", CHAT, chat_body(stream=True))
    before = site.receiver.counted("gen_ai.client.token.usage")
    await site.receiver.until(
        lambda: any(
            pair.key == "error.type"
            for point in site.receiver.points.get("gen_ai.client.operation.duration", [])
            for pair in point.attributes
        )
    )
    assert site.receiver.counted("gen_ai.client.token.usage") == before


async def test_requests_are_measured_by_their_templates(site: Site) -> None:
    where = {"http_route": "/v1/models/{model_id}", "http_request_method": "GET"}
    for name in ("one", "two"):
        await site.ask("GET", f"/v1/models/{name}")
    assert await site.receiver.becomes(
        "http.server.request.duration", 2, **where, http_response_status_code=404
    )


async def test_calls_of_tools_are_measured(site: Site) -> None:
    for tool in ("show", "fail", "nothing"):
        call: dict[str, object] = {"server": "meta", "tool": tool, "arguments": {}}
        await site.ask("POST", "/v1/mcp/tools/call", call)
    name, done = "gen_ai.execute_tool.duration", {"claude_gateway_tool_server": "meta"}
    await site.receiver.becomes(name, 1, **done, gen_ai_tool_name="show")
    await site.receiver.becomes(name, 1, **done, gen_ai_tool_name="fail", error_type="failed")


async def test_t32_a_model_that_is_not_listed_makes_no_figure_of_its_own(site: Site) -> None:
    await site.ask("POST", CHAT, chat_body(model="claude-made-up-9", stream=True))
    named = {**OF_MODEL, "gen_ai_request_model": "other"}
    await site.receiver.becomes("gen_ai.client.operation.duration", 1, **named)
    await site.receiver.becomes("gen_ai.server.time_to_first_token", 1, **named)
