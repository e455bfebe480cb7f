"""/mcp seen from the inside: who leaves, who may see what, and what a tool is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway import UpstreamError
from claude_gateway.testing.raw import Connection, refused, request
from claude_gateway.types.tools import Progress, ToolCall, ToolResult
from tests.web.test_mcp import KEYS, Door
from tests.wire.mcp.conftest import BOTH, standing_alone
from tests.wire.mcp.site.everything import Everything
from tests.wire.mcp.site.everything import plugin as everything

if TYPE_CHECKING:
    from tests.conftest import App, Scripted, Serving

ERAS = ("2025-11-25", "2026-07-28")


async def asking(
    app: App, era: str, method: str, key: str = "", **params: object
) -> tuple[dict[str, object], dict[str, str]]:
    """The body and headers of a request; the older era shakes hands for it."""
    who = {"x-api-key": key} if key else {}
    if era == "2026-07-28":
        body, headers = standing_alone(method, None, **params)
        return body, {**BOTH, **headers, **who}
    shake = {"protocolVersion": era}
    first = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": shake}
    answer = await app.ask("POST", "/mcp", first, {**BOTH, **who})
    session = {"Mcp-Session-Id": answer.header("Mcp-Session-Id") or ""}
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}, {
        **BOTH,
        **session,
        **who,
    }


async def asked(app: App, era: str, method: str, key: str = "", **params: object) -> Any:
    body, headers = await asking(app, era, method, key, **params)
    return (await app.ask("POST", "/mcp", body, headers)).json


@pytest.mark.parametrize("era", ERAS)
async def test_t24_a_call_ends_when_its_client_leaves(
    serving: Serving, scripted: type[Scripted], era: str
) -> None:
    door = Door()
    async with serving(scripted(), door) as app:
        body, headers = await asking(app, era, "tools/call", name="door__wait")
        async with Connection(app.port) as connection:
            await connection.send(request("POST", "/mcp", body, headers))
            await door.knocked.wait()
        async with asyncio.timeout(1):
            await door.left.wait()


@pytest.mark.parametrize("era", ERAS)
async def test_s16_a_tool_is_told_who_asks_but_no_key(
    serving: Serving, scripted: type[Scripted], era: str
) -> None:
    door = Door()
    door.opened.set()
    async with serving(scripted(), door, KEYS) as app:
        answer = await asked(app, era, "tools/call", "ada", name="door__wait", arguments={"a": 1})
    assert answer["result"]["content"] == [{"type": "text", "text": "Come in."}]
    (call,) = door.calls
    assert (call.principal, call.project_id, call.session_id) == ("ada", "default", None)
    assert call.arguments == {"a": 1}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("key", "tools"), [("ada", 1), ("bob", 0), ("eve", 0), ("mia", 1)])
async def test_s9_a_key_sees_and_calls_its_own_choice_of_tools_only(
    serving: Serving, scripted: type[Scripted], era: str, key: str, tools: int
) -> None:
    door = Door()
    door.opened.set()
    async with serving(scripted(), door, KEYS) as app:
        listed = await asked(app, era, "tools/list", key)
        called = await asked(app, era, "tools/call", key, name="door__wait")
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["door__wait"] * tools
    assert ("result" in called) is bool(tools)
    assert len(door.calls) == tools


@pytest.mark.parametrize("key", ["bob", "eve"])
async def test_s9_a_key_that_may_not_use_a_server_has_none_of_its_resources_and_prompts(
    serving: Serving, scripted: type[Scripted], key: str
) -> None:
    uri = "gateway://everything/test://static-text"
    async with serving(scripted(), everything, KEYS) as app:
        about = (await asked(app, ERAS[1], "server/discover", key))["result"]
        assert set(about["capabilities"]) == {"tools"}
        for method, params in (
            ("resources/list", {}),
            ("resources/read", {"uri": uri}),
            ("prompts/get", {"name": "everything__test_simple_prompt"}),
            ("completion/complete", {}),
        ):
            answer = await asked(app, ERAS[1], method, key, **params)
            assert answer["error"]["code"] == -32601
        body, headers = standing_alone("tools/list")
        everybodys = {**BOTH, **headers, "x-api-key": key}
        away = await app.ask("POST", "/mcp/everything", body, everybodys)
        assert away.status == {"bob": 404, "eve": 200}[key]
        assert "result" in await asked(app, ERAS[1], "resources/read", "ada", uri=uri)


@pytest.mark.parametrize("era", ERAS)
async def test_what_a_server_cannot_read_is_an_error_without_its_secrets(
    serving: Serving,
    scripted: type[Scripted],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    era: str,
) -> None:
    raised: list[Exception] = [
        UpstreamError("It is gone, with sk-ant-api03-CANARY."),
        KeyError("sk-ant-api03-CANARY"),
    ]

    async def fail(*_: object) -> object:
        raise raised.pop(0)

    monkeypatch.setattr(Everything, "read_resource", fail)
    uri = "gateway://everything/test://static-text"
    async with serving(scripted(), everything) as app:
        told = await asked(app, era, "resources/read", uri=uri)
        hidden = await asked(app, era, "resources/read", uri=uri)
    assert told["error"]["code"] == hidden["error"]["code"] == -32603
    assert told["error"]["message"] == "It is gone, with sk-***."
    assert hidden["error"]["message"] == "everything failed (KeyError)."
    assert "CANARY" not in caplog.text


async def test_a_defect_of_our_own_is_told_without_its_words(
    serving: Serving,
    scripted: type[Scripted],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> Mapping[str, object]:
        raise RuntimeError("of an inner matter")

    monkeypatch.setattr("claude_gateway.dialects.mcp.writing.tool", fail)
    with caplog.at_level(logging.CRITICAL):
        async with serving(scripted(), Door()) as app:
            answer = await asked(app, ERAS[1], "tools/list")
    assert answer["error"]["code"] == -32603
    assert "The gateway failed" in answer["error"]["message"]


async def test_progress_may_come_from_any_thread_and_more_than_anybody_reads(
    serving: Serving, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(_self: Everything, call: ToolCall) -> ToolResult:
        def work() -> None:
            for done in range(1000):
                call.progress(Progress(done))
            for bad in (Progress(float("nan")), Progress("much"), Progress(2000, message=None)):  # type: ignore[arg-type]
                call.progress(bad)

        await asyncio.to_thread(work)
        return ToolResult.of("Done.")

    monkeypatch.setattr(Everything, "tool_test_simple_text", busy)
    async with serving(scripted(), everything) as app:
        call = {"name": "everything__test_simple_text", "_meta": {"progressToken": "p"}}
        body, headers = await asking(app, ERAS[0], "tools/call", "", **call)
        answer = await app.ask("POST", "/mcp", body, headers)
    told = [line for line in answer.body.split(b"\n") if b'"progress":' in line]
    assert told[-1].endswith(b'"progress":999}}')
    assert b"Done." in answer.body


async def test_without_a_store_tools_work_in_the_workspace(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door = Door()
    door.opened.set()
    async with serving(scripted(), door) as app:
        assert "result" in await asked(app, ERAS[1], "tools/call", name="door__wait")
        body, headers = standing_alone("tools/list")
        away = await app.ask("POST", "/mcp?project_id=p", body, {**BOTH, **headers})
        refused(away, 503, "no_store")
    assert door.calls[0].project_path == ""
