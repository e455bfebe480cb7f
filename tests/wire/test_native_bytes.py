"""What a native client and upstream say to each other passes through as it is."""

from __future__ import annotations

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import ask, message_body
from claude_gateway.testing.wire import PING, sse, text_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

ODD_BODY = (
    '{ "stream" :false,\n\t"messages": [ {"content":[{"type":"future_block","x":'
    '123456789012345678901234567890,"minus":-0.0,"one":1.0,"e":1E+2},'
    '{"text":"Gr\\u00fc\\u00dfe \\ud83d\\ude00 ü","type":"text"}],"role":"user"} ] ,'
    '"unknown_field":{"b":null,"a":[]}, "max_tokens":7,"model":"claude-sonnet-5-5" }\r\n'
).encode()

ODD_BLOCK = rb"""event: content_block_start
data: { "type" : "content_block_start", "index":1, "content_block":{"type":"odd","a":"\u00e4 \/"} }

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"future_delta","v":1.0}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

"""

ODD_STREAM = [
    *text_stream("Hel")[:4],
    sse("future_event", {"type": "future_event", "n": 123456789012345678901234567890}),
    ODD_BLOCK,
    PING,
    *text_stream("Hel")[4:],
]


async def test_t04_every_byte_of_a_body_reaches_upstream(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    response = await ask(gateway.port, "POST", "/v1/messages", ODD_BODY)
    assert response.status == 200
    assert [turn.body for turn in upstream.turns] == [ODD_BODY]


async def test_t04_every_byte_of_a_stream_reaches_the_client(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream(ODD_STREAM))
    response = await ask(gateway.port, "POST", "/v1/messages", message_body(stream=True))
    assert response.status == 200
    assert response.body == b"".join(ODD_STREAM)


async def test_a_stream_cut_at_odd_places_comes_out_the_same(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    whole = b"".join(text_stream("Grüße", " 😀"))
    pieces = [whole[i : i + 37] for i in range(0, len(whole), 37)]
    upstream.script(Stream([part for piece in pieces for part in (piece, 0.002)]))
    response = await ask(gateway.port, "POST", "/v1/messages", message_body(stream=True))
    assert response.body == whole


async def test_an_answer_in_one_piece_keeps_its_bytes(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    odd = b'{ "type":"message" ,"big":123456789012345678901234567890,"content":[ ],"usage":{}}\n'
    upstream.script(Reply(body=odd))
    response = await ask(gateway.port, "POST", "/v1/messages", message_body())
    assert (response.status, response.body) == (200, odd)


async def test_t21_another_name_for_a_model_changes_that_one_value_and_no_other_byte(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    body = ODD_BODY.replace(b"claude-sonnet-5-5", b"haiku").replace(
        b'"unknown_field":',
        b'"x":"\\"model\\":\\"haiku\\"", "metadata":{"model":"haiku"},"unknown":',
    )
    response = await ask(gateway.port, "POST", "/v1/messages", body)
    assert response.status == 200
    assert response.header("x-gateway-model-remapped") == "haiku -> claude-haiku-5-5"
    expected = body.replace(b'"model":"haiku" }', b'"model":"claude-haiku-5-5" }')
    assert upstream.turns[0].body == expected


async def test_t21_a_model_nobody_has_heard_of_yet_passes_through(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    body = message_body(model="claude-sonnet-9")
    assert (await ask(gateway.port, "POST", "/v1/messages", body)).status == 200
    assert upstream.turns[0].json["model"] == "claude-sonnet-9"


async def test_counting_tokens_keeps_its_bytes(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    counted = b'{"input_tokens": 3, "future": 1.0}'
    upstream.script(Reply(body=counted), path="/v1/messages/count_tokens")
    response = await ask(gateway.port, "POST", "/v1/messages/count_tokens", ODD_BODY)
    assert (response.status, response.body) == (200, counted)
    [request] = [r for r in upstream.requests if r.path == "/v1/messages/count_tokens"]
    assert request.body == ODD_BODY


async def test_version_and_betas_reach_upstream_unchanged(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "future-2027-01-01,b , c"}
    await ask(gateway.port, "POST", "/v1/messages", message_body(), headers)
    sent = upstream.turns[0].headers
    assert sent["anthropic-version"] == "2026-10-21"
    assert sent["anthropic-beta"] == "future-2027-01-01,b , c"


async def test_without_a_version_the_gateway_sends_its_own_and_no_beta(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    await ask(gateway.port, "POST", "/v1/messages", message_body())
    sent = upstream.turns[0].headers
    assert sent["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in sent


async def test_s16_upstream_sees_its_own_key_and_nothing_of_the_callers(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    headers = {
        "authorization": "Bearer gw-CANARY-client",
        "origin": "http://localhost:3000",
        "cookie": "a=b",
        "x-forwarded-for": "192.0.2.1",
    }
    await ask(gateway.port, "POST", "/v1/messages", message_body(), headers)
    sent = upstream.turns[0].headers
    assert sent["x-api-key"] == "sk-ant-api03-CANARY-upstream"
    assert not {"authorization", "origin", "cookie", "x-forwarded-for"} & {
        name.lower() for name in sent
    }
    assert not any("gw-CANARY" in value for value in sent.values())


async def test_upstreams_organization_is_not_told(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    for body in (message_body(), message_body(stream=True)):
        response = await ask(gateway.port, "POST", "/v1/messages", body)
        assert response.header("anthropic-organization-id") is None
        assert response.header("request-id") == response.header("x-request-id")
