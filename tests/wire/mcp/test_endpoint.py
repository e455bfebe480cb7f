"""/mcp in bytes: statuses, sessions, and whatever no client of good will would send."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import Connection, ask, refused, request
from tests.wire.mcp.conftest import BOTH, KEY, OTHER_KEY, Raw, frames, standing_alone

pytestmark = pytest.mark.asyncio(loop_scope="session")

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def failed(answer: Any, status: int, code: int, id_: object = None) -> str:
    """Check an error of the protocol; return its words."""
    assert answer.status == status, answer.body
    assert answer.json["jsonrpc"] == "2.0"
    assert answer.json["id"] == id_
    assert answer.json["error"]["code"] == code
    return str(answer.json["error"]["message"])


# --- the era of handshakes


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1.0", "2025-11-25"),
    ],
)
async def test_a_handshake_agrees_on_a_revision(raw: Raw, asked: str, given: str) -> None:
    result = await raw.shake(asked)
    assert result["protocolVersion"] == given
    assert result["serverInfo"]["name"] == "claude_gateway"
    changing = {"listChanged": True}
    there = {"tools": changing, "resources": changing, "prompts": changing, "completions": {}}
    assert result["capabilities"] == there
    assert (await raw.call("ping"))["result"] == {}


async def test_what_no_server_has_is_not_declared(raw: Raw) -> None:
    files = replace(raw, path="/mcp/mcp_filesystem")
    result = await files.shake()
    assert set(result["capabilities"]) == {"tools", "resources", "completions"}
    assert (await files.call("prompts/list"))["error"]["code"] == -32601


async def test_s8_a_session_is_a_secret_of_its_callers(raw: Raw) -> None:
    await raw.shake()
    assert len(raw.session) == 32
    other = replace(raw, key=OTHER_KEY)
    words = failed(await other.send(PING), 404, -32001, 1)
    missing = failed(await replace(raw, session="0" * 32).send(PING), 404, -32001, 1)
    assert words == missing
    for method in ("GET", "DELETE"):
        failed(await other.send(b"", {"Accept": "text/event-stream"}, method), 404, -32001)
    assert (await raw.call("ping"))["result"] == {}


async def test_a_session_that_was_ended_is_not_found(raw: Raw) -> None:
    await raw.shake()
    assert (await raw.send(b"", method="DELETE")).status == 204
    failed(await raw.send(PING), 404, -32001, 1)
    failed(await raw.send(b"", method="DELETE"), 404, -32001)


async def test_without_a_session_everything_but_the_handshake_is_refused(raw: Raw) -> None:
    assert "Begin with initialize" in failed(await raw.send(PING), 400, -32600, 1)
    failed(await raw.note("notifications/initialized"), 400, -32600)
    failed(await raw.send(b"", method="DELETE"), 400, -32600)
    failed(await raw.send(b"", {"Accept": "text/event-stream"}, "GET"), 400, -32600)
    note = {"jsonrpc": "2.0", "method": "initialize", "params": {"protocolVersion": "x"}}
    failed(await raw.send(note), 400, -32600)
    broken = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    assert "protocolVersion" in failed(await raw.send(broken), 400, -32602, 1)


async def test_notifications_and_answers_get_no_answer(raw: Raw) -> None:
    await raw.shake()
    for body in (
        {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": {}}},
        {"jsonrpc": "2.0", "method": "nobody/knows"},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}},
    ):
        answer = await raw.send(body)
        assert (answer.status, answer.body) == (202, b""), body


async def test_unknown_methods_and_wrong_parameters_are_errors_of_the_protocol(raw: Raw) -> None:
    await raw.shake()
    for method in ("nobody/knows", "logging/setLevel", "server/discover", "tasks/get"):
        assert method in (await raw.call(method))["error"]["message"]
    for method, params, named in (
        ("tools/call", {}, "name"),
        ("tools/call", {"name": 7}, "name"),
        ("tools/call", {"name": "x", "arguments": []}, "arguments"),
        ("tools/list", {"cursor": "?"}, "cursor"),
        ("tools/list", {"cursor": 1}, "cursor"),
        ("resources/read", {}, "uri"),
        ("prompts/get", {"name": "x", "arguments": {"a": 1}}, "arguments.a"),
        ("completion/complete", {"ref": {"type": "x"}, "argument": {}}, "ref.type"),
    ):
        error = (await raw.call(method, **params))["error"]
        assert error["code"] == -32602
        assert named in error["message"], error


async def test_a_request_can_be_cancelled_by_its_id_and_gets_no_answer(raw: Raw) -> None:
    await raw.shake()
    before = (await raw.call("tools/call", name="everything__test_counts"))["result"]
    params = {"name": "everything__test_waits", "_meta": {"progressToken": "p"}}
    body = {"jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": params}
    headers = {"x-api-key": KEY, "Mcp-Session-Id": raw.session, **BOTH}
    async with Connection(raw.port) as connection:
        await connection.send(request("POST", "/mcp", body, headers))
        assert (await connection.head()).header(
            "Content-Type"
        ) == "text/event-stream; charset=utf-8"
        (told,) = frames(await connection.chunk())
        assert told["params"] == {"progressToken": "p", "progress": 1}
        busy = failed(await raw.send({**body, "params": {}}), 400, -32600, "w")
        assert "still being worked at" in busy
        await raw.note("notifications/cancelled", requestId="w", reason="no need")
        assert await connection.chunk() == b""
    after = (await raw.call("tools/call", name="everything__test_counts"))["result"]
    count = before["structuredContent"]
    assert after["structuredContent"] == {
        "waiting": count["waiting"] + 1,
        "let_go": count["let_go"] + 1,
    }


async def test_a_session_that_ends_ends_its_calls(raw: Raw) -> None:
    await raw.shake()
    params = {"name": "everything__test_waits", "_meta": {"progressToken": 1}}
    body = {"jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": params}
    headers = {"x-api-key": KEY, "Mcp-Session-Id": raw.session, **BOTH}
    async with Connection(raw.port) as connection:
        await connection.send(request("POST", "/mcp", body, headers))
        await connection.head()
        await connection.chunk()
        assert (await raw.send(b"", method="DELETE")).status == 204
        assert await connection.chunk() == b""


# --- the stateless era


async def test_discovery_says_what_there_is(raw: Raw) -> None:
    answer = await raw.alone("server/discover")
    assert answer.status == 200
    assert answer.header("Mcp-Session-Id") is None
    result = answer.json["result"]
    assert result["supportedVersions"] == ["2026-07-28"]
    assert set(result["capabilities"]) == {"tools", "resources", "prompts", "completions"}
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == (
        "complete",
        0,
        "private",
    )
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "claude_gateway"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Mcp-Method": "tools/call"}, -32020),
        ({"MCP-Protocol-Version": "2027-01-01"}, -32020),
        ({"MCP-Protocol-Version": "2025-11-25"}, -32600),  # an older one, which shakes hands
    ],
)
async def test_headers_and_body_have_to_agree(raw: Raw, headers: dict[str, str], code: int) -> None:
    failed(await raw.alone("tools/list", headers), 400, code, 7)


async def test_headers_that_are_missing_or_broken_are_a_mismatch(raw: Raw) -> None:
    body, headers = standing_alone("tools/call", name="everything__test_simple_text")
    for missing in headers:
        rest = {key: value for key, value in headers.items() if key != missing}
        failed(await raw.send(body, rest), 400, -32020, 7)
    for name in ("nobody", "=?base64?bm9ib2R5?=", "=?base64?!?="):
        failed(await raw.send(body, {**headers, "Mcp-Name": name}), 400, -32020, 7)
    encoded = "=?base64?ZXZlcnl0aGluZ19fdGVzdF9zaW1wbGVfdGV4dA==?="
    assert (await raw.send(body, {**headers, "Mcp-Name": encoded})).status == 200


async def test_an_unknown_revision_is_told_which_are_known(raw: Raw) -> None:
    body, headers = standing_alone("server/discover")
    said = json.loads(json.dumps(body).replace("2026-07-28", "2099-01-01"))
    answer = await raw.send(said, {**headers, "MCP-Protocol-Version": "2099-01-01"})
    failed(answer, 400, -32022, 7)
    known = {"supported": ["2026-07-28"], "requested": "2099-01-01"}
    assert answer.json["error"]["data"] == known
    plain = await raw.send(PING, {"MCP-Protocol-Version": "2099-01-01"})
    failed(plain, 400, -32022, 1)


async def test_an_envelope_without_its_parts_is_refused(raw: Raw) -> None:
    body, headers = standing_alone("server/discover")
    half = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    metas: tuple[object, ...] = ({}, None, [], half)
    for meta in metas:
        answer = await raw.send({**body, "params": {"_meta": meta}}, headers)
        assert "params._meta must have" in failed(answer, 400, -32602, 7)


async def test_what_this_era_does_not_have_is_not_found(raw: Raw) -> None:
    for method in ("initialize", "ping", "logging/setLevel", "resources/subscribe", "x/y"):
        failed(await raw.alone(method), 404, -32601, 7)
    for method in ("GET", "DELETE"):
        headers = {"MCP-Protocol-Version": "2026-07-28", "Accept": "text/event-stream"}
        answer = await raw.send(b"", headers, method)
        assert (answer.status, answer.header("Allow")) == (405, "POST")


async def test_notifications_are_taken_and_answers_are_not(raw: Raw) -> None:
    headers = {"MCP-Protocol-Version": "2026-07-28"}
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    assert (await raw.send(note, headers)).status == 202
    failed(await raw.send({"jsonrpc": "2.0", "id": 1, "result": {}}, headers), 400, -32600, 1)


@pytest.mark.parametrize(
    ("region", "header", "status"),
    [
        ("eu", "eu", 200),
        ("ü", "=?base64?w7w=?=", 200),
        (None, None, 200),
        ("eu", None, 400),
        ("eu", "us", 400),
        (None, "us", 400),
        ("eu", "=?base64?!?=", 400),
    ],
)
async def test_an_argument_that_is_wanted_in_a_header_has_to_be_there(
    raw: Raw, region: str | None, header: str | None, status: int
) -> None:
    arguments = {} if region is None else {"region": region}
    more = {} if header is None else {"Mcp-Param-Region": header}
    answer = await raw.alone(
        "tools/call", more, name="everything__test_header", arguments=arguments
    )
    assert answer.status == status
    if status != 200:
        failed(answer, 400, -32020, 7)


# --- what is true of both


async def test_bodies_that_are_no_message_are_told_why(raw: Raw) -> None:
    for body, code in (
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 5000, -32700),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, -32700),
        (b"[]", -32600),
        (json.dumps([PING, PING]).encode(), -32600),
        (b"7", -32600),
        (b'{"id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600),
    ):
        for headers in ({}, {"MCP-Protocol-Version": "2026-07-28"}):
            failed(await raw.send(body, headers), 400, code)
    for body in (b'{"jsonrpc":"2.0","id":1}', b'{"jsonrpc":"2.0","id":1,"method":7}'):
        failed(await raw.send(body), 400, -32600, 1)
    failed(await raw.send(b'{"jsonrpc":"2.0","id":1,"method":"m","params":[]}'), 400, -32600, 1)


async def test_deep_arguments_are_refused_and_spoil_nothing(raw: Raw) -> None:
    await raw.shake()
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    answer = await raw.call("tools/call", name="everything__test_who", arguments={"a": deep})
    assert answer["error"]["message"] == "arguments is nested too deeply."


async def test_bodies_that_are_too_big_or_of_another_kind_are_refused(raw: Raw) -> None:
    big = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"%b"}}' % (b"x" * (32 * 2**20))
    refused(await raw.send(big), 413)
    refused(await raw.send(PING, {"Content-Type": "text/plain"}), 415)
    refused(await raw.send(PING, {"Content-Type": "application/x-www-form-urlencoded"}), 415)


async def test_what_a_client_cannot_read_is_not_acceptable(raw: Raw) -> None:
    for accept in ("application/json", "text/event-stream", "text/html", "image/*"):
        refused(await raw.send(PING, {"Accept": accept}), 406, "not_acceptable")
    for accept in ("*/*", "application/*, text/*", "TEXT/event-stream;q=0.1,application/json"):
        failed(await raw.send(PING, {"Accept": accept}), 400, -32600, 1)
    await raw.shake()
    refused(await raw.send(b"", {"Accept": "text/html"}, "GET"), 406, "not_acceptable")


async def test_s5_pages_of_other_places_are_refused_also_with_a_key(raw: Raw) -> None:
    for origin in ("https://evil.example", "null", "http://localhost.evil.example", "x"):
        for headers in (
            {"Origin": origin},
            {"Origin": origin, "MCP-Protocol-Version": "2026-07-28"},
        ):
            refused(await raw.send(PING, headers), 403, "origin_not_allowed")
            for method in ("GET", "DELETE"):
                refused(await raw.send(b"", headers, method), 403, "origin_not_allowed")
    for origin in ("http://localhost:6274", "http://127.0.0.1", "tauri://localhost"):
        failed(await raw.send(PING, {"Origin": origin}), 400, -32600, 1)
    refused(await raw.send(PING, {"Host": "evil.example"}), 403, "host_not_allowed")


async def test_a_key_is_asked_for_as_everywhere(raw: Raw) -> None:
    for path in ("/mcp", "/mcp/everything", "/mcp/nobody"):
        answer = await replace(raw, key="gw-wrong", path=path).send(PING)
        refused(answer, 401, "invalid_api_key")
        assert answer.header("WWW-Authenticate") == "Bearer"
        assert "API key" in answer.json["error"]["message"]


async def test_servers_and_projects_that_are_not_there_are_not_found(
    raw: Raw, everything: GatewayProcess
) -> None:
    fields = {"name": "Secret"}
    made = await ask(everything.port, "POST", "/v1/projects", fields, {"x-api-key": OTHER_KEY})
    for path in (
        "/mcp/nobody",
        "/mcp?servers=everything,nobody",
        "/mcp?servers=",
        "/mcp?project_id=nobody",
        f"/mcp?project_id={made.json['id']}",
    ):
        away = replace(raw, path=path)
        refused(await away.alone("tools/list"), 404, "not_found")
        shake = {"jsonrpc": "2.0", "id": 1, "method": "initialize"}
        refused(await away.send({**shake, "params": {"protocolVersion": "x"}}), 404, "not_found")
    header = {"x-gateway-project-id": "nobody"}
    refused(await raw.alone("tools/list", header), 404, "not_found")
    many = replace(raw, path="/mcp?servers=" + ",".join(["everything"] * 101))
    assert "servers" in failed(await many.alone("tools/list"), 400, -32602, 7)


async def test_calls_are_in_the_audit_log(raw: Raw) -> None:
    answer = await raw.alone("tools/call", name="everything__test_who", arguments={"a": "b"})
    id_ = answer.json["result"]["structuredContent"]["id"]
    audit = await ask(raw.port, "GET", "/v1/mcp/audit", b"", {"x-api-key": KEY})
    (entry,) = [one for one in audit.json["entries"] if one["call_id"] == id_]
    assert (entry["server"], entry["tool"]) == ("everything", "test_who")


async def test_a_call_that_takes_long_is_a_stream_that_is_never_silent(plugin_path: str) -> None:
    env = {"PYTHONPATH": plugin_path, "GATEWAY_HEARTBEAT": "0.1", "GATEWAY_TOOL_TIMEOUT": "1"}
    async with GatewayProcess(env) as gateway, Connection(gateway.port) as connection:
        body, headers = standing_alone("tools/call", name="everything__test_waits")
        await connection.send(request("POST", "/mcp", body, {**BOTH, **headers}))
        assert (await connection.head()).status == 200
        assert await connection.chunk() == b": ping\n\n"
        while (chunk := await connection.chunk()) == b": ping\n\n":
            pass
        (answer,) = frames(chunk)
        assert answer["result"]["isError"] is True
        assert "took longer than 1 s" in answer["result"]["content"][0]["text"]
        assert await connection.chunk() == b""
