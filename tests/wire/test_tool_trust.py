"""What of trust, audit and profiles holds in turns that a model takes with tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import Response, ask, refused
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import text, tool_use
from tests.cli.test_mcp_approve import MOODY
from tests.conftest import Site
from tests.wire.mcp.conftest import BOTH, standing_alone
from tests.wire.tool_turns import MESSAGES, calling, chat, get, installed, results, turns, workspace

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROFILES = """
[speaking]
servers = ["g*"]
tools = ["ec*", "mcp_filesystem__read_file"]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def trusted(
    fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[GatewayProcess]:
    """A gateway with a profile, a caller's calls bounded, and a tool server that changes."""
    folder: Path = tmp_path_factory.mktemp("trusted")
    (folder / "profiles.toml").write_text(PROFILES)
    env = installed(folder)
    Site(folder).install("moody", MOODY)
    env |= {
        "ANTHROPIC_API_KEY": "sk-ant-api03-CANARY-upstream",
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_MAX_RETRIES": "0",
        "GATEWAY_BREAKER_FAILURES": "0",
        "GATEWAY_TOOL_PROFILES": str(folder / "profiles.toml"),
        "GATEWAY_TOOL_CALLS_AT_ONCE": "2",
    }
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()


def offered(received: Any) -> list[str]:
    return [tool["name"] for tool in received.json.get("tools", ())]


async def test_s9_a_profile_chooses_the_tools_of_a_turn_in_one_word(
    trusted: GatewayProcess, upstream: FakeAnthropic
) -> None:
    await chat(trusted, mcp={"profile": "speaking"})
    await chat(trusted, mcp={"profile": "speaking", "enabled_tools": ["read_file"]})
    await chat(trusted, mcp={"profile": "speaking"}, session_id="speaking")
    body = {
        "model": "sonnet",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Go"}],
        "mcp": {"profile": "speaking"},
    }
    assert (await ask(trusted.port, "POST", MESSAGES, body)).status == 200
    asked = [offered(turn) for turn in await turns(upstream, 4)]
    assert asked == [["gate__echo"], [], ["gate__echo"], ["gate__echo"]]


async def test_s9_a_profile_chooses_what_is_at_the_mcp_endpoint(trusted: GatewayProcess) -> None:
    async def listed(profile: str) -> Response:
        body, headers = standing_alone("tools/list")
        path = f"/mcp?profile={profile}"
        return await ask(trusted.port, "POST", path, body, {**BOTH, **headers})

    names = [tool["name"] for tool in (await listed("speaking")).json["result"]["tools"]]
    assert names == ["gate__echo"]
    assert len((await listed("")).json["result"]["tools"]) > 6
    unknown = await listed("none")
    assert (unknown.status, "profile" in unknown.body.decode()) == (400, True)
    body, headers = standing_alone("tools/call", name="gate__report", arguments={})
    outside = await ask(trusted.port, "POST", "/mcp?profile=speaking", body, {**BOTH, **headers})
    assert "error" in outside.json


async def test_a_profile_that_is_not_there_is_named(
    trusted: GatewayProcess, upstream: FakeAnthropic
) -> None:
    for profile in ("none", 5):
        refused(await chat(trusted, mcp={"profile": profile}), 400, param="mcp.profile")
    assert not upstream.turns


async def test_s9_a_call_outside_the_profile_is_not_made(
    trusted: GatewayProcess, upstream: FakeAnthropic
) -> None:
    call = calling("report", name="x")
    upstream.script(answering(call, stop_reason="tool_use"), answering(text("Done.")))
    await chat(trusted, mcp={"profile": "speaking"})
    log = (await get(trusted, "/v1/mcp/audit?tool=report"))["entries"]
    assert log == []


@pytest.mark.parametrize("session", [None, "audited"])
async def test_s11_calls_of_a_turn_are_in_the_audit_log_with_their_run(
    trusted: GatewayProcess, upstream: FakeAnthropic, session: str | None
) -> None:
    call = calling("echo", id_=f"toolu_{session}", name="sk-ant-api03-CANARY")
    where = {} if session is None else {"session_id": session}
    for audit_log in (False, True):
        upstream.script(answering(call, stop_reason="tool_use"), answering(text("Done.")))
        mcp = {"enabled_tools": ["echo"], "audit_log": audit_log}
        answer = await chat(trusted, mcp=mcp, **where)
        assert answer.status == 200
    kept, hashed = (await get(trusted, "/v1/mcp/audit?limit=2"))["entries"]
    assert (kept["arguments"], hashed["arguments"]) == ({"name": "sk-***"}, None)
    assert kept["arguments_sha256"] == hashed["arguments_sha256"]
    for entry in (kept, hashed):
        assert (entry["server"], entry["tool"], entry["outcome"]) == ("gate", "echo", "completed")
        assert (entry["principal"], entry["session_id"]) == ("owner", session)
        assert entry["run_id"]
    if session is not None:
        run = await get(trusted, f"/v1/runs/{kept['run_id']}")
        assert run["session_id"] == session


async def test_a_call_too_many_in_one_round_is_a_failed_result(
    trusted: GatewayProcess, upstream: FakeAnthropic
) -> None:
    calls = [calling("wait", id_=f"toolu_{n}", name="late") for n in range(3)]
    upstream.script(answering(*calls, stop_reason="tool_use"), answering(text("Done.")))
    folder = workspace(trusted)

    async def open_late() -> None:
        log = (await get(trusted, "/v1/mcp/audit?outcome=refused"))["entries"]
        while not log:
            log = (await get(trusted, "/v1/mcp/audit?outcome=refused"))["entries"]
        (folder / "late").touch()

    asking = asyncio.ensure_future(chat(trusted, mcp={"enabled_servers": ["gate"]}))
    async with asyncio.timeout(10):
        await open_late()
    assert (await asking).status == 200
    given = results((await turns(upstream, 2))[1])
    assert [one["tool_use_id"] for one in given] == ["toolu_0", "toolu_1", "toolu_2"]
    failed = [one["content"][0]["text"] for one in given if one.get("is_error")]
    assert ["Too many of your calls" in words for words in failed] == [True]


async def test_s12_a_tool_that_changes_while_a_turn_is_under_way_is_not_called(
    trusted: GatewayProcess, upstream: FakeAnthropic
) -> None:
    mcp = {"enabled_tools": ["moody__look"]}
    await chat(trusted, mcp=mcp)
    looking = tool_use("moody__look", "{}")
    wait = calling("wait", id_="toolu_2", name="moody")
    upstream.script(
        answering(wait, stop_reason="tool_use"),
        answering(looking, stop_reason="tool_use"),
        answering(text("Done.")),
    )
    both = {"enabled_tools": ["moody__look", "gate__wait"]}
    asking = asyncio.ensure_future(chat(trusted, mcp=both))
    folder = workspace(trusted)
    async with asyncio.timeout(10):
        while not (folder / "moody.here").exists():
            await asyncio.sleep(0.01)
    (folder / "says").write_text("Looks, and sends it to me.")
    (folder / "moody").touch()
    assert (await asking).status == 200
    (result,) = results((await turns(upstream, 4))[3])
    assert result["is_error"] is True
    assert "may not be used here" in result["content"][0]["text"]
    refused(await chat(trusted, mcp=mcp), 400, "tool_not_found", param="mcp.enabled_tools[0]")
