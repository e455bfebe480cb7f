"""Turns with tools for clients of Anthropic's own API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import anthropic
import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import Response, ask, message_body, refused
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import MODEL, text, thinking, tool_use
from tests.wire.tool_turns import (
    GATE,
    MESSAGES,
    calling,
    get,
    history,
    messages,
    results,
    turns,
    workspace,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAMS = pytest.mark.parametrize("stream", [False, True])
LOOK: dict[str, object] = {
    "name": "look",
    "description": "Looks.",
    "input_schema": {"type": "object"},
}
ASKED: Any = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "Go"}]}


@pytest_asyncio.fixture(loop_scope="session")
async def client(tooled: GatewayProcess) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key="gw-CANARY-client", base_url=tooled.url, max_retries=0
    ) as client:
        yield client


async def answered(client: anthropic.AsyncAnthropic, *, stream: bool, **asked: Any) -> Any:
    """What the official client makes of an answer."""
    if not stream:
        return (await client.messages.create(**{**ASKED, **asked})).to_dict()
    async with client.messages.stream(**{**ASKED, **asked}) as answer:
        return (await answer.get_final_message()).to_dict()


async def say(
    gateway: GatewayProcess, session: str, words: object = "Go", **fields: object
) -> Response:
    body = message_body(**{**fields, "messages": [{"role": "user", "content": words}]})
    headers = {"x-gateway-session-id": session}
    return await ask(gateway.port, "POST", MESSAGES, body, headers)


@STREAMS
@pytest.mark.parametrize("events", ["true", "false"])
async def test_the_official_client_reads_one_message_of_all_rounds(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic, stream: bool, events: str
) -> None:
    first = [thinking("Hm."), text("One."), calling("echo", name="a"), calling("fail", "toolu_2")]
    upstream.script(
        answering(*first, stop_reason="tool_use"),
        answering(thinking("Aha."), text("Two."), text("Three.")),
    )
    message = await answered(
        client,
        stream=stream,
        extra_body={"mcp": GATE},
        extra_headers={"x-gateway-events": events},
    )
    said = [{k: v for k, v in block.items() if v is not None} for block in message["content"]]
    assert said == [b.whole for b in (thinking("Hm."), text("One."), text("Two."), text("Three."))]
    assert message["stop_reason"] == "end_turn"
    assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (20, 10)
    one, two = await turns(upstream, 2)
    assert "mcp" not in one.json
    assert messages(two)[1] == ("assistant", [block.whole for block in first])
    assert [block["tool_use_id"] for block in results(two)] == ["toolu_01", "toolu_2"]


async def test_what_a_client_has_seen_can_be_sent_again(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(thinking("Hm."), calling("echo", name="a"), stop_reason="tool_use"),
        answering(thinking("Aha."), text("Two.")),
        answering(text("Three.")),
    )
    message = await answered(client, stream=True, extra_body={"mcp": GATE})
    told = [*ASKED["messages"], {"role": "assistant", "content": message["content"]}]
    told.append({"role": "user", "content": "More"})
    again = await answered(client, stream=True, messages=told, extra_body={"mcp": GATE})
    assert again["content"][0]["text"] == "Three."
    third = (await turns(upstream, 3))[2]
    (_, (_, said), _) = messages(third)
    assert [block["type"] for block in said] == ["thinking", "text"]
    assert said[0] == thinking("Hm.").whole


async def test_a_client_that_asks_for_it_sees_what_the_gateway_does(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(calling("echo", name="a"), stop_reason="tool_use"), answering(text("Done."))
    )
    body = message_body(stream=True, mcp=GATE)
    answer = await ask(tooled.port, "POST", MESSAGES, body, {"x-gateway-events": "true"})
    names = [line[7:].decode() for line in answer.body.split(b"\n") if line.startswith(b"event: ")]
    assert names[:6] == [
        "message_start",
        "ping",
        "gateway_usage",
        "gateway_tool_use",
        "gateway_tool_progress",
        "gateway_tool_result",
    ]
    assert names[-3:] == ["message_delta", "gateway_usage", "message_stop"]
    assert b'"name":"gate__echo","server":"gate"' in answer.body


@STREAMS
async def test_fields_of_the_request_reach_upstream_as_they_were(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    body = (
        b'{"model":"%b","max_tokens":100,"stream":%b,"future":{"x":1.10,"y":12345678901234567890},'
        b'"tools":[{"name":"look","input_schema":{"type":"object"}}],"mcp":{"enabled_tools":["echo"]},'
        b'"messages":[{"role":"user","content":"Go"}]}'
    ) % (MODEL.encode(), b"true" if stream else b"false")
    headers = {"anthropic-beta": "some-beta"}
    answer = await ask(tooled.port, "POST", MESSAGES, body, headers)
    assert answer.status == 200, answer.body
    (turn,) = await turns(upstream, 1)
    assert b'{"x":1.10,"y":12345678901234567890}' in turn.body
    assert [tool["name"] for tool in turn.json["tools"]] == ["look", "gate__echo"]
    assert turn.headers["anthropic-beta"] == "some-beta"
    assert "mcp" not in turn.json


async def test_the_field_never_goes_upstream(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    choices: list[dict[str, object] | None] = [None, {"enabled_servers": []}]
    for mcp in choices:
        await ask(tooled.port, "POST", MESSAGES, message_body(mcp=mcp))
        await ask(tooled.port, "POST", f"{MESSAGES}/count_tokens", message_body(mcp=mcp))
    await ask(tooled.port, "POST", f"{MESSAGES}/count_tokens", message_body(mcp=GATE))
    bodies = [request.json for request in upstream.requests if request.path.startswith(MESSAGES)]
    assert len(bodies) == 5
    assert not [body for body in bodies if "mcp" in body]
    assert len(bodies[-1]["tools"]) == 8
    wrong = message_body(mcp={"enabled_tools": ["ghost"]})
    refused(await ask(tooled.port, "POST", MESSAGES, wrong), 400, param="mcp.enabled_tools[0]")


async def test_a_request_without_the_field_goes_up_byte_for_byte(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    body = b'{ "max_tokens": 1e2, "model": "%b", "messages": [{"role":"user","content":"Go"}] }'
    await ask(tooled.port, "POST", MESSAGES, body % MODEL.encode())
    assert upstream.turns[0].body == body % MODEL.encode()


async def test_a_clients_own_tool_of_the_same_name_wins(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(calling("echo", name="a"), stop_reason="tool_use"))
    body = message_body(mcp=GATE, tools=[{**LOOK, "name": "gate__echo"}])
    answer = await ask(tooled.port, "POST", MESSAGES, body)
    assert answer.header("x-gateway-left-out-tools") == "gate__echo"
    assert answer.json["content"] == [calling("echo", name="a").whole]
    names = [tool["name"] for tool in upstream.turns[0].json["tools"]]
    assert names.count("gate__echo") == 1


@STREAMS
async def test_t05_a_session_keeps_every_round_exactly(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    session = f"native-{stream}"
    first = [thinking("Hm."), calling("echo", name="a")]
    upstream.script(
        answering(*first, stop_reason="tool_use"),
        answering(thinking("Aha."), text("Two.")),
        answering(text("Three.")),
    )
    answer = await say(tooled, session, mcp=GATE, stream=stream)
    assert b"gate__echo" not in answer.body
    assert b"Aha." not in answer.body
    await say(tooled, session, "More", mcp=GATE, stream=stream)
    _, second, third = await turns(upstream, 3)
    told = messages(third)
    assert told[:3] == messages(second)
    assert told[3] == ("assistant", [thinking("Aha.").whole, text("Two.").whole])
    assert third.json["tools"] == second.json["tools"]
    assert len(await history(tooled, session)) == 6
    (execution,) = (await get(tooled, f"/v1/sessions/{session}/tools"))["executions"]
    assert execution["status"] == "completed"


async def test_a_whole_history_of_a_session_does_not_undo_its_rounds(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(thinking("Hm."), calling("echo", name="a"), stop_reason="tool_use"),
        answering(text("Two.")),
        answering(text("Three.")),
    )
    answer = await say(tooled, "native-whole", mcp=GATE)
    body = message_body(mcp=GATE)
    body["messages"] = [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": answer.json["content"]},
        {"role": "user", "content": "More"},
    ]
    headers = {"x-gateway-session-id": "native-whole"}
    again = await ask(tooled.port, "POST", MESSAGES, body, headers)
    assert again.status == 200, again.body
    _, second, third = await turns(upstream, 3)
    assert messages(third)[:3] == messages(second)
    assert messages(third)[4] == ("user", "More")
    assert len(await history(tooled, "native-whole")) == 6


@STREAMS
async def test_a_turn_that_calls_a_clients_tool_too_is_the_clients_to_go_on_with(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    mixed = [calling("echo", "toolu_g", name="a"), tool_use("look", "{}", id="toolu_c")]
    upstream.script(answering(*mixed, stop_reason="tool_use"), answering(text("Done.")))
    session = f"native-mixed-{stream}"
    ours: dict[str, Any] = {"mcp": GATE, "tools": [LOOK], "stream": stream}
    answer = await say(tooled, session, **ours)
    assert b"toolu_c" in answer.body
    assert b"toolu_g" not in answer.body
    assert b'"stop_reason":"tool_use"' in answer.body
    brought = [{"type": "tool_result", "tool_use_id": "toolu_c", "content": "seen"}]
    again = await say(tooled, session, brought, **ours)
    assert b"Done." in again.body
    told = messages((await turns(upstream, 2))[1])
    assert told[1] == ("assistant", [call.whole for call in mixed])
    assert [block["tool_use_id"] for block in told[2][1]] == ["toolu_g", "toolu_c"]


async def test_without_a_session_the_gateways_calls_beside_a_clients_are_not_made(
    client: anthropic.AsyncAnthropic, tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(
            thinking("Both."),
            calling("wait", "toolu_g", name="no"),
            tool_use("look", "{}", id="toolu_c"),
            stop_reason="tool_use",
        ),
        answering(text("Done.")),
    )
    asked: Any = {"tools": [LOOK], "extra_body": {"mcp": GATE}}
    message = await answered(client, stream=True, **asked)
    assert [block["type"] for block in message["content"]] == ["thinking", "tool_use"]
    assert message["stop_reason"] == "tool_use"
    assert not (workspace(tooled) / "no.here").exists()
    told = [*ASKED["messages"], {"role": "assistant", "content": message["content"]}]
    brought = {"type": "tool_result", "tool_use_id": "toolu_c", "content": "seen"}
    told.append({"role": "user", "content": [brought]})
    again = await answered(client, stream=True, messages=told, **asked)
    assert again["content"][0]["text"] == "Done."


async def test_t28_a_native_turn_with_tools_can_be_read_again_in_the_same_bytes(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(calling("echo", name="a"), stop_reason="tool_use"), answering(text("Done."))
    )
    headers = {"x-gateway-session-id": "native-again", "x-gateway-events": "true"}
    body = message_body(stream=True, mcp=GATE)
    answer = await ask(tooled.port, "POST", MESSAGES, body, headers)
    run = answer.header("x-run-id")
    stored = await ask(tooled.port, "GET", f"/v1/runs/{run}/events")
    assert stored.body == answer.body.replace(b"\n: ping\n", b"\n")
    assert b"gateway_tool_result" in stored.body
