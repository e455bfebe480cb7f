"""Turns with tools for clients of OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import openai
import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import ask, refused, response_body
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import text, thinking, tool_use
from tests.wire.tool_turns import GATE, RESPONSES, calling, messages, results, turns, workspace

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAMS = pytest.mark.parametrize("stream", [False, True])
STORED = pytest.mark.parametrize("store", [False, True])
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}}
WITH_GATE = {"extra_body": {"mcp": GATE}}


@pytest_asyncio.fixture(loop_scope="session")
async def client(tooled: GatewayProcess) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key="gw-CANARY-client", base_url=f"{tooled.url}/v1", max_retries=0
    ) as client:
        yield client


async def answered(
    client: openai.AsyncOpenAI, *, stream: bool, **asked: Any
) -> tuple[Any, list[Any]]:
    """Return the response as the official client reads it, and its events."""
    asked = {"model": "sonnet", "input": "Go", **WITH_GATE, **asked}
    if not stream:
        return await client.responses.create(**asked), []
    events = [event async for event in await client.responses.create(**asked, stream=True)]
    return events[-1].response, events


@STREAMS
@STORED
async def test_calls_that_the_gateway_ran_are_shown_as_openai_shows_its_own(
    client: openai.AsyncOpenAI, upstream: FakeAnthropic, stream: bool, store: bool
) -> None:
    first = [text("One."), calling("echo", name="a"), calling("fail", "toolu_2")]
    upstream.script(answering(*first, stop_reason="tool_use"), answering(text("Two.")))
    response, _ = await answered(client, stream=stream, store=store)
    assert response.status == "completed"
    one, echo, fail, two = response.output
    assert (one.content[0].text, two.content[0].text) == ("One.", "Two.")
    assert isinstance(echo, openai.types.responses.response_output_item.McpCall)
    assert (echo.server_label, echo.name, echo.arguments) == ("gate", "echo", '{"name": "a"}')
    assert (echo.status, echo.error) == ("completed", None)
    assert echo.output is not None
    assert echo.output.startswith("a in ")
    assert (fail.status, fail.output) == ("failed", None)
    assert fail.error.type == "mcp_tool_execution_error"
    assert fail.error.content[0]["text"] == "It cannot be done."
    assert response.usage.total_tokens == 30
    second = (await turns(upstream, 2))[1]
    assert [block["tool_use_id"] for block in results(second)] == ["toolu_01", "toolu_2"]


@STREAMS
async def test_a_stream_and_a_whole_response_say_the_same(
    client: openai.AsyncOpenAI, upstream: FakeAnthropic, stream: bool
) -> None:
    upstream.script(
        answering(thinking("Hm."), calling("echo", name="a"), stop_reason="tool_use"),
        answering(thinking("Aha."), calling("long", "toolu_2"), stop_reason="tool_use"),
        answering(text("Done.")),
    )
    response, _ = await answered(client, stream=stream, include=["reasoning.encrypted_content"])
    kinds = [item.type for item in response.output]
    assert kinds == ["reasoning", "mcp_call", "reasoning", "mcp_call", "message"]
    kept = [item.encrypted_content is not None for item in response.output[:3:2]]
    assert kept == [True, False]  # what follows a call could not come back without it
    ids = [item.id[:3] for item in response.output]
    assert ids == ["rs_", "mcp", "rs_", "mcp", "msg"]


async def test_events_of_a_call_come_in_openais_order(
    client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(
            calling("fail", "toolu_1", name="a"), calling("echo", "toolu_2"), stop_reason="tool_use"
        ),
        answering(text("Done.")),
    )
    _, events = await answered(client, stream=True)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    of_first = [event.type for event in events if getattr(event, "output_index", None) == 0]
    assert of_first == [
        "response.output_item.added",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.failed",
        "response.output_item.done",
    ]
    (completed,) = (event for event in events if event.type == "response.mcp_call.completed")
    assert completed.output_index == 1


@STREAMS
async def test_a_response_goes_on_from_one_with_rounds(
    client: openai.AsyncOpenAI, upstream: FakeAnthropic, stream: bool
) -> None:
    upstream.script(
        answering(thinking("Hm."), calling("echo", name="a"), stop_reason="tool_use"),
        answering(text("Two.")),
        answering(text("Three.")),
    )
    first, _ = await answered(client, stream=stream)
    again, _ = await answered(client, stream=stream, input="More", previous_response_id=first.id)
    assert again.output_text == "Three."
    _, second, third = await turns(upstream, 3)
    assert messages(third)[:3] == messages(second)
    assert messages(third)[4] == ("user", "More")


@STREAMS
async def test_a_response_that_calls_a_clients_tool_too_is_the_clients_to_go_on_with(
    client: openai.AsyncOpenAI, upstream: FakeAnthropic, stream: bool
) -> None:
    mixed = [calling("echo", "toolu_g", name="a"), tool_use("look", "{}", id="toolu_c")]
    upstream.script(answering(*mixed, stop_reason="tool_use"), answering(text("Done.")))
    first, _ = await answered(client, stream=stream, tools=[LOOK])
    assert [item.type for item in first.output] == ["mcp_call", "function_call"]
    assert first.output[0].status == "completed"
    brought = [{"type": "function_call_output", "call_id": "toolu_c", "output": "seen"}]
    again, _ = await answered(
        client, stream=stream, tools=[LOOK], input=brought, previous_response_id=first.id
    )
    assert again.output_text == "Done."
    told = messages((await turns(upstream, 2))[1])
    assert [block["tool_use_id"] for block in told[-1][1]] == ["toolu_g", "toolu_c"]


@STREAMS
async def test_without_a_store_the_gateways_calls_beside_a_clients_are_not_made(
    client: openai.AsyncOpenAI, tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    upstream.script(
        answering(
            calling("wait", "toolu_g", name="nobody"),
            tool_use("look", "{}", id="toolu_c"),
            stop_reason="tool_use",
        ),
        answering(text("Done.")),
    )
    first, _ = await answered(client, stream=stream, tools=[LOOK], store=False)
    assert [item.type for item in first.output] == ["mcp_call", "function_call"]
    assert first.output[0].status == "incomplete"
    assert not (workspace(tooled) / "nobody.here").exists()
    told: list[Any] = [{"role": "user", "content": "Go"}]
    told += [item.to_dict() for item in first.output]
    told.append({"type": "function_call_output", "call_id": "toolu_c", "output": "seen"})
    again, _ = await answered(client, stream=stream, tools=[LOOK], store=False, input=told)
    assert again.output_text == "Done."
    assert [r["tool_use_id"] for r in results((await turns(upstream, 2))[1])] == ["toolu_c"]


async def test_a_response_with_rounds_is_read_again_whole_and_as_a_stream(
    client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(calling("echo", name="a"), stop_reason="tool_use"), answering(text("Done."))
    )
    response, events = await answered(client, stream=True)
    again = [event async for event in await client.responses.retrieve(response.id, stream=True)]
    assert [e.to_dict() for e in again] == [e.to_dict() for e in events]
    whole = await client.responses.retrieve(response.id)
    assert [item.to_dict() for item in whole.output] == [i.to_dict() for i in response.output]


async def test_openais_own_remote_tools_are_refused_as_before(tooled: GatewayProcess) -> None:
    remote = {"type": "mcp", "server_label": "x", "server_url": "https://example.org"}
    body = response_body(tools=[remote], mcp=GATE)
    refused(await ask(tooled.port, "POST", RESPONSES, body), 400, param="tools[0].type")
    body = response_body(mcp={"enabled_servers": ["ghost"]})
    refused(await ask(tooled.port, "POST", RESPONSES, body), 400, param="mcp.enabled_servers[0]")
