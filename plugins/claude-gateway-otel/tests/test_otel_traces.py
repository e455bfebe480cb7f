"""Every span is where it belongs: below the request that asked for it, in its client's trace."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway.testing import Cut, Hang, Reply, Stream, answering
from claude_gateway.testing.raw import Connection, chat_body, message_body, request
from claude_gateway.testing.wire import MODEL, error, text, text_stream, tool_use

if TYPE_CHECKING:
    from tests.conftest import Seen, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "gw-CANARY-otel"
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
USED = {
    "input_tokens": 100,
    "output_tokens": 20,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 5,
    "output_tokens_details": {"thinking_tokens": 7},
}
CALL = {"server": "meta", "tool": "show", "arguments": {}}


async def rounds_of(site: Site, span: Seen, count: int = 1) -> list[Seen]:
    """The calls of models of a request, once they have arrived."""
    await site.receiver.until(lambda: len(site.receiver.children(span)) >= count)
    return [one for one in site.receiver.children(span) if one.name.startswith("chat ")]


async def test_a_request_is_a_server_span_named_by_its_template(site: Site) -> None:
    response = await site.ask("GET", "/v1/models/nothing-CANARY?key=sk-ant-CANARY")
    span = await site.request(response)
    assert span.name == "GET /v1/models/{model_id}"
    assert span.span.kind == 2
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/v1/models/{model_id}",
        "http.response.status_code": 404,
        "claude_gateway.request.id": response.header("x-request-id"),
    }
    assert span.parent == ""
    assert not span.failed


async def test_a_method_that_a_client_makes_up_is_not_named(site: Site) -> None:
    span = await site.request(await site.ask("PROPFIND", "/v1/models"))
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.name == "_OTHER unknown"


async def test_a_call_of_a_model_says_what_was_asked_and_what_it_took(site: Site) -> None:
    site.upstream.script(Stream(text_stream("Hello", usage=USED)))
    body = message_body("CANARY", stream=True, max_tokens=77, temperature=0.50)
    span = await site.request(await site.ask("POST", MESSAGES, body))
    (round_,) = await rounds_of(site, span)
    found = round_.attributes
    first = found.pop("gen_ai.response.time_to_first_chunk")
    assert 0 < first < (round_.span.end_time_unix_nano - round_.span.start_time_unix_nano) / 1e9 + 1
    assert found.pop("claude_gateway.run.id").startswith("run_")
    assert found.pop("gen_ai.response.id").startswith("msg_")
    assert found.pop("server.port") == int(site.upstream.url.rpartition(":")[2])
    assert round_.name == f"chat {MODEL}"
    assert round_.span.kind == 3
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 77,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.model": MODEL,
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 135,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.cache_creation.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 7,
        "server.address": "127.0.0.1",
    }


async def test_an_answer_in_one_piece_is_a_call_as_well(site: Site) -> None:
    site.upstream.script(answering(text("Hello"), usage=USED))
    span = await site.request(await site.ask("POST", MESSAGES, message_body()))
    (round_,) = await rounds_of(site, span)
    assert round_.attributes["gen_ai.request.stream"] is False
    assert round_.attributes["gen_ai.usage.input_tokens"] == 135
    assert round_.attributes["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert "gen_ai.response.time_to_first_chunk" not in round_.attributes


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_clients_trace_goes_on_upstream(site: Site, path: str, stream: bool) -> None:
    site.upstream.requests.clear()
    headers = {"traceparent": TRACEPARENT, "tracestate": "vendor=one,other=two"}
    body = message_body(stream=stream) if path == MESSAGES else chat_body(stream=stream)
    span = await site.request(await site.ask("POST", path, body, headers))
    assert (span.trace, span.parent) == (TRACE, PARENT)
    (round_,) = await rounds_of(site, span)
    (sent,) = site.upstream.turns
    assert [one[:53] for one in sent.headers.getall("traceparent")] == [round_.traceparent]  # type: ignore[attr-defined]
    assert sent.headers["tracestate"] == "vendor=one,other=two"


async def test_a_trace_that_is_not_to_be_sampled_is_carried_and_not_kept(site: Site) -> None:
    site.upstream.requests.clear()
    await site.ask("POST", CHAT, chat_body(), {"traceparent": TRACEPARENT[:-1] + "0"})
    (sent,) = site.upstream.turns
    assert sent.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert sent.headers["traceparent"].endswith("-00")
    await site.request(await site.ask("GET", "/health"))  # which is sent after what was before it
    assert not [s for s in site.receiver.spans if s.id == sent.headers["traceparent"][36:52]]


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        TRACEPARENT.upper(),
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        TRACEPARENT + "-more",
        TRACEPARENT + "," + TRACEPARENT,
        "0" * 2_000,
        "\xff" * 55,
    ],
    ids=range(9),
)
async def test_a_malformed_traceparent_is_ignored(site: Site, bad: str) -> None:
    response = await site.ask("POST", CHAT, chat_body(), {"traceparent": bad, "tracestate": "a=b"})
    assert response.status == 200
    span = await site.request(response)
    assert span.parent == ""
    assert span.trace != TRACE


async def test_two_traceparents_are_as_good_as_none(site: Site) -> None:
    raw = request("GET", "/health", headers={"traceparent": TRACEPARENT})
    line = f"traceparent: {TRACEPARENT}\r\n".encode()
    async with Connection(site.gateway.port) as connection:
        await connection.send(raw.replace(line, line * 2))
        span = await site.request(await connection.response())
    assert span.parent == ""


async def test_requests_on_one_connection_do_not_share_a_trace(site: Site) -> None:
    async with Connection(site.gateway.port) as connection:
        await connection.send(request("GET", "/health", headers={"traceparent": TRACEPARENT}))
        first = await site.request(await connection.response())
        await connection.send(request("GET", "/health"))
        second = await site.request(await connection.response())
    assert (first.trace, first.parent) == (TRACE, PARENT)
    assert second.parent == ""
    assert second.trace != TRACE


async def test_a_clients_trace_goes_on_into_tool_servers(site: Site) -> None:
    called = await site.ask("POST", "/v1/mcp/tools/call", CALL, {"traceparent": TRACEPARENT})
    meta = json.loads(called.json["content"][0]["text"])
    span = await site.request(called)
    await site.receiver.until(lambda: site.receiver.children(span))
    (tool,) = site.receiver.children(span)
    assert (span.trace, span.parent) == (TRACE, PARENT)
    assert meta["traceparent"].startswith(tool.traceparent)
    assert tool.name == "execute_tool show"
    assert tool.span.kind == 1
    assert tool.attributes["gen_ai.operation.name"] == "execute_tool"
    assert tool.attributes["gen_ai.tool.name"] == "show"
    assert tool.attributes["claude_gateway.tool.server"] == "meta"
    assert not tool.failed


async def test_a_tool_that_fails_is_a_span_that_failed(site: Site) -> None:
    span = await site.request(
        await site.ask("POST", "/v1/mcp/tools/call", {**CALL, "tool": "fail"})
    )
    await site.receiver.until(lambda: site.receiver.children(span))
    (tool,) = site.receiver.children(span)
    assert tool.failed
    assert tool.attributes["error.type"] == "failed"


async def test_a_turn_with_tools_is_rounds_and_tools_below_one_request(site: Site) -> None:
    site.upstream.requests.clear()
    site.upstream.script(
        answering(
            tool_use("meta__show", "{}", id="toolu_1"),
            tool_use("meta__fail", "{}", id="toolu_2"),
            stop_reason="tool_use",
        ),
        answering(text("Done")),
    )
    body = chat_body(stream=True, mcp={"enabled_servers": ["meta"]})
    response = await site.ask("POST", CHAT, body, {"traceparent": TRACEPARENT})
    span = await site.request(response)
    await site.receiver.until(lambda: len(site.receiver.children(span)) == 4)
    first, *tools, last = site.receiver.children(span)
    assert first.name == last.name == f"chat {MODEL}"
    assert first.attributes["gen_ai.response.finish_reasons"] == ("tool_use",)
    assert {tool.name for tool in tools} == {"execute_tool show", "execute_tool fail"}
    assert {tool.attributes["gen_ai.tool.call.id"] for tool in tools} == {"toolu_1", "toolu_2"}
    assert len({one.attributes["claude_gateway.run.id"] for one in (first, *tools, last)}) == 1
    sent = [received.headers["traceparent"][:53] for received in site.upstream.turns]
    assert sent == [first.traceparent, last.traceparent]
    given: list[Any] = site.upstream.turns[1].json["messages"][-1]["content"]
    (shown,) = [block for block in given if block["tool_use_id"] == "toolu_1"]
    (show,) = [tool for tool in tools if tool.name == "execute_tool show"]
    assert json.loads(shown["content"][0]["text"])["traceparent"][:53] == show.traceparent


async def test_a_message_of_mcp_brings_its_trace_in_its_meta(site: Site) -> None:
    stateless = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    meta = {**stateless, "traceparent": TRACEPARENT}
    params = {"name": "meta__show", "arguments": {}, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "meta__show",
    }
    answer = await site.ask("POST", "/mcp", message, headers)
    meta = json.loads(answer.json["result"]["content"][0]["text"])
    seen: list[Seen] = []

    def there() -> bool:
        seen[:] = [s for s in site.receiver.spans if s.traceparent == meta["traceparent"][:53]]
        return bool(seen)

    await site.receiver.until(there)
    assert (seen[0].trace, seen[0].parent) == (TRACE, PARENT)


async def test_a_run_that_outlives_its_request_stays_in_its_trace(site: Site) -> None:
    go_on, frames = asyncio.Event(), text_stream("Hello")
    site.upstream.script(Stream([*frames[:3], go_on, *frames[3:]]))
    body = chat_body(stream=True, project_id="default")
    raw = request("POST", CHAT, body, {"x-api-key": KEY, "traceparent": TRACEPARENT})
    async with Connection(site.gateway.port) as connection:
        await connection.send(raw)
        head = await connection.head()
        connection.kill()
    id_ = head.header("x-request-id")
    span = await site.receiver.named(f"POST {CHAT}", claude_gateway_request_id=id_)
    assert not site.receiver.children(span)
    go_on.set()
    (round_,) = await rounds_of(site, span)
    assert round_.attributes["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert round_.span.end_time_unix_nano > span.span.end_time_unix_nano


async def test_further_attempts_belong_to_one_call(site: Site) -> None:
    site.upstream.requests.clear()
    site.upstream.script(
        Reply(529, error("overloaded_error", "CANARY"), {"retry-after": "0"}),
        answering(text("Hello")),
    )
    span = await site.request(await site.ask("POST", CHAT, chat_body(stream=True)))
    (round_,) = await rounds_of(site, span)
    assert [(e.name) for e in round_.span.events] == ["claude_gateway.retry"]
    assert {received.headers["traceparent"][:53] for received in site.upstream.turns} == {
        round_.traceparent
    }
    assert not round_.failed


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_fails_says_its_code_and_nothing_else(site: Site, stream: bool) -> None:
    site.upstream.script(Reply(401, error("authentication_error", "invalid x-api-key CANARY")))
    response = await site.ask("POST", CHAT, chat_body(stream=stream))
    assert response.status == 502
    span = await site.request(response)
    (round_,) = await rounds_of(site, span)
    assert span.failed
    assert span.attributes["error.type"] == "502"
    assert round_.failed
    assert round_.attributes["error.type"]
    assert not round_.span.status.message
    assert not round_.span.events


async def test_a_stream_that_breaks_is_a_call_that_failed(site: Site) -> None:
    site.upstream.script(Stream([*text_stream("Hello", usage=USED)[:4], Cut()]))
    span = await site.request(await site.ask("POST", CHAT, chat_body(stream=True)))
    (round_,) = await rounds_of(site, span)
    assert round_.failed
    assert round_.attributes["error.type"] == "upstream_truncated"
    assert "gen_ai.response.finish_reasons" not in round_.attributes


async def test_a_client_that_leaves_is_no_failure(site: Site) -> None:
    site.upstream.script(Stream([*text_stream("Hello")[:3], Hang()]))
    raw = request("POST", CHAT, chat_body(stream=True), {"x-api-key": KEY})
    async with Connection(site.gateway.port) as connection:
        await connection.send(raw)
        head = await connection.head()
        connection.kill()
    id_ = head.header("x-request-id")
    span = await site.receiver.named(f"POST {CHAT}", claude_gateway_request_id=id_)
    (round_,) = await rounds_of(site, span)
    assert round_.attributes["error.type"] == "cancelled"
    assert not round_.failed


async def test_the_resource_says_who_sends(site: Site) -> None:
    await site.request(await site.ask("GET", "/health"))
    assert {r["service.name"] for r in site.receiver.resources} == {"claude-gateway"}
    assert {r["service.version"] for r in site.receiver.resources} == {"0.1.0"}
    assert len({r["service.instance.id"] for r in site.receiver.resources}) == 1
    assert {h["api-key"] for h in site.receiver.headers} == {"sk-receiver-CANARY"}
