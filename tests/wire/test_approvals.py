"""Calls of tools that a person has to agree to: the run waits, and goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import openai
import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import Connection, Response, ask, refused, request
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import Block, text, thinking, tool_use
from tests.wire.conftest import CLIENT_KEY, UPSTREAM_KEY
from tests.wire.tool_turns import (
    CHAT,
    GATE,
    MESSAGES,
    calling,
    chat,
    frames,
    get,
    history,
    installed,
    messages,
    opened,
    results,
    said,
    there,
    workspace,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = {"x-api-key": CLIENT_KEY}
EVENTS = {"stream_options": {"include_events": True}}


@pytest.fixture
def name() -> str:
    return uuid4().hex


def careful(upstream: FakeAnthropic, name: str, *more: Block, tool: str = "careful") -> None:
    """Let the model think, call a tool that asks, and then be content."""
    first = [
        thinking("I had better ask."),
        text("One moment."),
        calling(tool, "toolu_1", name=name),
    ]
    upstream.script(
        answering(*first, *more, stop_reason="tool_use"),
        answering(text("Done.")),
    )


def lines(gateway: GatewayProcess, name: str) -> list[str]:
    """What the tools have left."""
    file = workspace(gateway) / f"{name}.lines"
    return file.read_text().split() if file.exists() else []


async def until(
    gateway: GatewayProcess, session: str, status: str = "awaiting_approval", *, owner: bool = False
) -> Any:
    """Wait until the session's newest run has this status, and return it."""
    headers = KEY if owner else {}
    async with asyncio.timeout(8):
        while True:
            path = f"/v1/runs?session_id={session}"
            runs = (await ask(gateway.port, "GET", path, headers=headers)).json["runs"]
            if runs and runs[0]["status"] == status:
                return runs[0]
            await asyncio.sleep(0.01)


async def decide(
    gateway: GatewayProcess,
    run: Any,
    call: str = "toolu_1",
    decision: str = "approve",
    *,
    owner: bool = False,
    **more: object,
) -> Response:
    """Approve a call, or deny it."""
    path = f"/v1/runs/{run['id']}/approvals/{call}"
    headers = KEY if owner else {}
    return await ask(gateway.port, "POST", path, {"decision": decision, **more}, headers)


async def parked(gateway: GatewayProcess, session: str, **fields: object) -> Any:
    """Begin a turn whose client leaves, and return its run when it waits."""
    body = {
        "model": "sonnet",
        "messages": [{"role": "user", "content": "Go"}],
        "session_id": session,
        "mcp": GATE,
        "stream": True,
        **fields,
    }
    connection = await opened(gateway, CHAT, body)
    try:
        return await until(gateway, session)
    finally:
        await connection.__aexit__(None, None, None)


async def read(gateway: GatewayProcess, run: Any, after: int = 0) -> bytes:
    """Read the frames of a run to its end."""
    path = f"/v1/runs/{run['id']}/events?after={after}"
    response = await ask(gateway.port, "GET", path)
    assert response.status == 200
    return response.body


def environment(fake: FakeAnthropic, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a gateway with the gate, whose data outlive it."""
    (folder / "site").mkdir(exist_ok=True)
    return {
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_DATA_DIR": str(folder / "data"),
        "WORKSPACE_DIR": str(folder / "workspace"),
        **installed(folder / "site"),
        **more,
    }


@asynccontextmanager
async def impatient(fake: FakeAnthropic, folder: Path) -> AsyncGenerator[GatewayProcess]:
    """A gateway where nobody has long to decide."""
    async with GatewayProcess(environment(fake, folder, GATEWAY_APPROVAL_SECONDS="1")) as gateway:
        yield gateway


async def test_a_call_that_is_approved_is_made_and_the_same_stream_goes_on(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    client = openai.AsyncOpenAI(base_url=f"{tooled.url}/v1", api_key=CLIENT_KEY, max_retries=0)
    seen: list[Any] = []
    asked: Any = {}
    async with client:
        stream = await client.chat.completions.create(
            model="sonnet",
            stream=True,
            messages=[{"role": "user", "content": "Go"}],
            extra_body={"session_id": name, "mcp": GATE, **EVENTS},
        )
        async for chunk in stream:
            seen.append(chunk.model_dump())
            if seen[-1]["object"] == "approval_required":
                asked = seen[-1]
                await asyncio.sleep(0.3)  # a few heartbeats pass: official clients must bear them
                assert lines(tooled, name) == []
                assert (
                    await decide(tooled, await until(tooled, name, owner=True), owner=True)
                ).status == 200
    run = await until(tooled, name, "completed", owner=True)
    assert asked["choices"] == []
    assert asked["run_id"] == run["id"]
    about = {"tool_call_id": "toolu_1", "server": "gate", "tool": "careful", "approval": "ask"}
    for described in (asked, run["approvals"][0]):
        assert about.items() <= described.items()
        assert (described["name"], described["input"]) == ("gate__careful", {"name": name})
        assert described["expires_at"].endswith("Z")
    chunks = [chunk["choices"][0] for chunk in seen if chunk["choices"]]
    assert "".join(chunk["delta"]["content"] or "" for chunk in chunks) == "One moment.Done."
    assert chunks[-1]["finish_reason"] == "stop"
    assert lines(tooled, name) == ["careful"]
    assert run["approvals"][0]["decision"] == "approved"
    assert run["usage"]["output_tokens"] == 10


async def test_thinking_goes_back_exactly_after_the_pause(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    await decide(tooled, run)
    await until(tooled, name, "completed")
    first, second = upstream.turns
    before, (role, content), _ = messages(second)
    assert [before] == messages(first)
    assert (role, content[0]) == ("assistant", thinking("I had better ask.").whole)
    assert results(second) == [
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [{"type": "text", "text": f"{name} left"}],
        }
    ]
    kept = await history(tooled, name)
    assert [message["role"] for message in kept] == ["user", "assistant", "user", "assistant"]


async def test_what_goes_upstream_after_a_pause_is_what_would_have_gone_without(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    odd = tool_use(
        "gate__echo", '{"name":"\\u00e9","n":1.10,"deep":{"b":-0,"a":[1e3]}}', id="toolu_1"
    )
    for approval in ("always", "never"):
        upstream.script(
            answering(thinking("Odd."), odd, stop_reason="tool_use"), answering(text("Done."))
        )
        mcp = {**GATE, "approval": approval}
        if approval == "always":
            await decide(tooled, await parked(tooled, name, mcp=mcp))
            await until(tooled, name, "completed")
        else:
            await chat(tooled, session_id=f"{name}-2", mcp=mcp, stream=True)
    first, second, third, fourth = upstream.turns
    assert first.body == third.body
    assert second.body == fourth.body


async def test_a_client_that_comes_back_later_reads_the_same_bytes(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name, **EVENTS)
    seen = run["last_event"]
    watching = asyncio.create_task(read(tooled, run))
    await decide(tooled, run)
    live = await watching
    assert said(live) == "One moment.Done."
    assert live == await read(tooled, run)
    assert live.endswith(await read(tooled, run, seen))
    numbers = [int(line[4:]) for line in live.split(b"\n") if line.startswith(b"id: ")]
    assert numbers == [*range(1, len(numbers) + 1)]
    kinds = [frame["object"] for frame in frames(live) if not frame["choices"]]
    assert kinds[:4] == ["usage", "approval_required", "tool_use", "tool_result"]


@pytest.mark.parametrize("before", ["decision", "restart"])
async def test_a_run_that_waits_survives_a_kill(
    upstream: FakeAnthropic, tmp_path: Path, name: str, before: str
) -> None:
    env = environment(upstream, tmp_path)
    careful(upstream, name, calling("guarded", "toolu_2", name=name))
    async with GatewayProcess(env) as gateway:
        run = await parked(gateway, name)
        if before == "restart":
            await decide(gateway, run, "toolu_2")
        await gateway.kill()
    async with GatewayProcess(env) as gateway:
        (again,) = (await get(gateway, "/v1/runs?status=awaiting_approval"))["runs"]
        assert again["id"] == run["id"]
        busy = await chat(gateway, "More", session_id=name)
        refused(busy, 409, "session_busy")
        watching = asyncio.create_task(read(gateway, run))
        if before == "decision":
            await decide(gateway, run, "toolu_2")
        assert (await decide(gateway, run)).status == 200
        assert said(await watching) == "One moment.Done."
        over = await until(gateway, name, "completed")
        assert over["usage"]["output_tokens"] == 10
        file = tmp_path / "workspace" / f"{name}.lines"
        assert sorted(file.read_text().split()) == ["careful", "guarded"]
        assert len(upstream.turns) == 2
        assert [m["role"] for m in await history(gateway, name)][-3:] == [
            "assistant",
            "user",
            "assistant",
        ]


async def test_a_stop_leaves_a_run_that_waits_as_it_is(
    upstream: FakeAnthropic, tmp_path: Path, name: str
) -> None:
    env = environment(upstream, tmp_path, GATEWAY_SHUTDOWN_TIMEOUT="1")
    careful(upstream, name)
    async with GatewayProcess(env) as gateway:
        run = await parked(gateway, name)
    async with GatewayProcess(env) as gateway:
        await decide(gateway, await until(gateway, name))
        await until(gateway, name, "completed")
        assert said(await read(gateway, run)) == "One moment.Done."


async def test_a_refusal_is_what_the_model_reads(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    decided = await decide(tooled, run, decision="deny", reason="Not today")
    assert decided.json["approvals"][0]["reason"] == "Not today"
    await until(tooled, name, "completed")
    (result,) = results(upstream.turns[1])
    assert result["is_error"] is True
    assert result["content"][0]["text"] == "This call was not made: the user refused it: Not today"
    assert lines(tooled, name) == []


async def test_calls_of_one_round_wait_for_each_other_and_come_back_in_order(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(
        upstream,
        name,
        calling("echo", "toolu_2", name="free"),
        calling("guarded", "toolu_3", name=name),
    )
    run = await parked(tooled, name)
    assert [call["tool_call_id"] for call in run["approvals"]] == ["toolu_1", "toolu_3"]
    await decide(tooled, run, "toolu_3", "deny")
    assert len(upstream.turns) == 1
    await decide(tooled, run)
    await until(tooled, name, "completed")
    given = results(upstream.turns[1])
    assert [block["tool_use_id"] for block in given] == ["toolu_1", "toolu_2", "toolu_3"]
    assert [block.get("is_error", False) for block in given] == [False, False, True]
    assert lines(tooled, name) == ["careful"]


async def test_what_nobody_approves_in_time_is_refused_and_the_turn_ends(
    upstream: FakeAnthropic, tmp_path: Path, name: str
) -> None:
    careful(upstream, name)
    async with impatient(upstream, tmp_path) as gateway:
        run = await parked(gateway, name)
        over = await until(gateway, name, "completed")
        assert over["approvals"][0]["decision"] == "expired"
        (result,) = results(upstream.turns[1])
        assert "nobody approved it in time" in result["content"][0]["text"]
        assert upstream.turns[1].json["tool_choice"] == {"type": "none"}
        refused(await decide(gateway, run), 410, "approval_expired")
        assert lines(gateway, name) == []


async def test_a_run_that_waits_can_be_cancelled(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    watching = asyncio.create_task(read(tooled, run))
    stopped = await ask(tooled.port, "POST", f"/v1/runs/{run['id']}/cancel")
    assert stopped.json["status"] == "cancelled"
    assert b"cancelled" in await watching
    refused(await decide(tooled, run), 410, "run_ended")
    kept = await history(tooled, name)
    assert [message["role"] for message in kept] == ["user", "assistant", "user"]
    upstream.script(answering(text("Fine.")))
    assert (await chat(tooled, "And now?", session_id=name)).status == 200
    assert len(upstream.turns) == 2
    assert results(upstream.turns[1])[0]["is_error"] is True


async def test_deleting_the_session_ends_the_run_that_waits(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    assert (await ask(tooled.port, "DELETE", f"/v1/sessions/{name}")).status == 204
    refused(await decide(tooled, run), 404, "not_found")


async def test_the_same_decision_twice_is_one_and_another_one_is_refused(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    both = await asyncio.gather(*(decide(tooled, run) for _ in range(5)))
    assert {answer.status for answer in both} == {200}
    await until(tooled, name, "completed")
    assert (await decide(tooled, run)).status == 200
    refused(await decide(tooled, run, decision="deny"), 409, "already_decided")
    refused(await decide(tooled, run, "toolu_9"), 404, "not_found")
    assert lines(tooled, name) == ["careful"]


async def test_one_of_two_who_disagree_wins_and_a_cancel_may(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    await asyncio.gather(
        decide(tooled, run),
        decide(tooled, run, decision="deny"),
        ask(tooled.port, "POST", f"/v1/runs/{run['id']}/cancel"),
    )
    over = await get(tooled, f"/v1/runs/{run['id']}")
    assert over["status"] in ("cancelled", "completed")
    assert len(lines(tooled, name)) <= (over["approvals"][0]["decision"] == "approved")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "decision"),
        ({"decision": "maybe"}, "decision"),
        ({"decision": "approve", "remember": True}, "remember"),
        ({"decision": "deny", "remember": "session"}, "remember"),
        ({"decision": "deny", "reason": 7}, "reason"),
    ],
)
async def test_what_is_wrong_with_a_decision_is_named(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str, body: dict[str, object], param: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    path = f"/v1/runs/{run['id']}/approvals/toolu_1"
    refused(await ask(tooled.port, "POST", path, body), 400, param=param)
    await ask(tooled.port, "POST", f"/v1/runs/{run['id']}/cancel")


async def test_an_approval_can_hold_for_the_session_but_not_where_each_call_has_to_be_asked_about(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    await decide(tooled, run, remember="session")
    await until(tooled, name, "completed")
    careful(upstream, name)
    answer = await chat(tooled, "Again", session_id=name, mcp=GATE)
    assert answer.json["choices"][0]["message"]["content"] == "One moment.Done."
    assert lines(tooled, name) == ["careful", "careful"]
    careful(upstream, name, tool="guarded")
    run = await parked(tooled, name)
    refused(await decide(tooled, run, remember="session"), 400, "cannot_remember")
    await ask(tooled.port, "POST", f"/v1/runs/{run['id']}/cancel")


async def test_a_request_can_be_stricter_than_the_server_and_never_laxer(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name, tool="echo")
    run = await parked(tooled, name, mcp={**GATE, "approval": "always"})
    assert run["approvals"][0]["approval"] == "always"
    await decide(tooled, run)
    await until(tooled, name, "completed")
    careful(upstream, name)
    run = await parked(tooled, name, mcp={**GATE, "approval": "never"})
    assert run["approvals"][0]["approval"] == "ask"
    await ask(tooled.port, "POST", f"/v1/runs/{run['id']}/cancel")


async def test_a_request_that_keeps_nothing_cannot_wait(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    for path in (CHAT, MESSAGES):
        body = {
            "model": "sonnet",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": "Go"}],
            "mcp": {**GATE, "approval": "ask"},
        }
        answer = await ask(tooled.port, "POST", path, body)
        refused(answer, 400, "approval_needs_run", "mcp.approval")
    careful(upstream, name)
    answer = await chat(tooled, mcp=GATE)
    assert answer.json["choices"][0]["message"]["content"] == "One moment.Done."
    (result,) = results(upstream.turns[0 - 1])
    assert "cannot wait" in result["content"][0]["text"]
    assert lines(tooled, name) == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_native_client_waits_as_well(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str, stream: bool
) -> None:
    careful(upstream, name)
    body = {
        "model": "sonnet",
        "max_tokens": 100,
        "stream": stream,
        "messages": [{"role": "user", "content": "Go"}],
        "mcp": GATE,
    }
    headers = {"x-gateway-session-id": name, "x-gateway-events": "true"}
    asking = asyncio.create_task(ask(tooled.port, "POST", MESSAGES, body, headers))
    run = await until(tooled, name)
    assert not asking.done()
    await decide(tooled, run)
    answer = await asking
    if not stream:
        content = json.loads(answer.body)["content"]
        assert [block.get("text") for block in content][1:] == ["One moment.", "Done."]
        return
    kinds = [line[7:].decode() for line in answer.body.split(b"\n") if line.startswith(b"event: ")]
    assert kinds.index("gateway_approval_required") < kinds.index("gateway_tool_use")
    assert kinds[-1] == "message_stop"
    blocks = [
        json.loads(line[6:]) for line in answer.body.split(b"\n") if line.startswith(b"data: ")
    ]
    indexes = [block["index"] for block in blocks if block["type"] == "content_block_start"]
    assert indexes == [0, 1, 2]


async def test_a_client_that_does_not_stream_waits_for_the_whole_answer(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    asking = asyncio.create_task(chat(tooled, session_id=name, mcp=GATE))
    await decide(tooled, await until(tooled, name))
    answer = await asking
    message = answer.json["choices"][0]["message"]
    assert message["content"] == "One moment.Done."
    assert answer.json["session_id"] == name
    assert answer.json["usage"]["completion_tokens"] == 10


async def test_a_run_without_a_session_waits_when_it_is_detached(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    body = {
        "model": "sonnet",
        "stream": True,
        "on_disconnect": "detach",
        "messages": [{"role": "user", "content": "Go"}],
        "mcp": GATE,
    }
    asking = asyncio.create_task(ask(tooled.port, "POST", CHAT, body))
    async with asyncio.timeout(5):
        while not (runs := (await get(tooled, "/v1/runs?status=awaiting_approval"))["runs"]):
            await asyncio.sleep(0.01)
    refused(await decide(tooled, runs[0], remember="session"), 400, "cannot_remember")
    await decide(tooled, runs[0])
    assert said((await asking).body) == "One moment.Done."


async def test_a_session_can_want_to_be_asked_about_everything(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    made = await ask(tooled.port, "POST", "/v1/sessions", {"model": "sonnet", "approval": "ask"})
    session = made.json["id"]
    careful(upstream, name, tool="echo")
    run = await parked(tooled, session)
    assert run["approvals"][0]["tool"] == "echo"
    await decide(tooled, run)
    await until(tooled, session, "completed")
    assert (await get(tooled, f"/v1/sessions/{session}/tools"))["approval"] == "ask"
    changed = await ask(tooled.port, "PUT", f"/v1/sessions/{session}/tools", {"approval": None})
    assert changed.json["approval"] == "never"


async def test_s9_nobody_else_decides(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    refused(await decide(tooled, run, owner=True), 404, "not_found")
    refused(await decide(tooled, run, decision="deny", owner=True), 404, "not_found")
    assert (await get(tooled, f"/v1/runs/{run['id']}"))["status"] == "awaiting_approval"
    assert (await decide(tooled, run)).status == 200
    await until(tooled, name, "completed")


async def test_s12_a_tool_that_is_not_what_was_approved_any_more_is_not_called(
    upstream: FakeAnthropic, tmp_path: Path, name: str
) -> None:
    env = environment(upstream, tmp_path, GATEWAY_TOOL_PINS="false")
    careful(upstream, name)
    async with GatewayProcess(env) as gateway:
        run = await parked(gateway, name)
        await gateway.kill()
    plugin = tmp_path / "site" / "gate_tools.py"
    plugin.write_text(plugin.read_text().replace("Leaves a line.", "Sends all files."))
    async with GatewayProcess(env) as gateway:
        await decide(gateway, run)
        await until(gateway, name, "completed")
        (result,) = results(upstream.turns[1])
        assert "not the one any more that was approved" in result["content"][0]["text"]
        assert not (tmp_path / "workspace" / f"{name}.lines").exists()


async def test_a_session_keeps_its_tools_while_its_run_waits(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    run = await parked(tooled, name)
    path = f"/v1/sessions/{name}/tools"
    changed = await ask(tooled.port, "PUT", path, {"enabled_tools": ["echo"]})
    refused(changed, 409, "session_busy")
    await ask(tooled.port, "POST", f"/v1/runs/{run['id']}/cancel")


async def test_a_stream_that_waits_is_kept_from_falling_silent(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    careful(upstream, name)
    body = {
        "model": "sonnet",
        "stream": True,
        "session_id": name,
        "messages": [{"role": "user", "content": "Go"}],
        "mcp": GATE,
        **EVENTS,
    }
    async with Connection(tooled.port) as connection:
        await connection.send(request("POST", CHAT, body))
        await connection.head()
        seen = b""
        async with asyncio.timeout(5):
            while seen.partition(b"approval_required")[2].count(b": ping") < 3:
                seen += await connection.chunk()
        await decide(tooled, await until(tooled, name))
        async with asyncio.timeout(5):
            while b"[DONE]" not in seen:
                seen += await connection.chunk()


async def test_s16_the_run_of_a_caller_with_a_key_of_their_own_ends_with_the_process(
    upstream: FakeAnthropic, tmp_path: Path, name: str
) -> None:
    env = environment(upstream, tmp_path, GATEWAY_BYOK="true")
    headers, where = {"x-api-key": "sk-ant-api03-CANARY-theirs"}, ""
    for tried in ("first", "second"):
        careful(upstream, name)
        async with GatewayProcess(env) as gateway:
            body = {
                "model": "sonnet",
                "stream": True,
                "session_id": f"{name}-{tried}",
                "messages": [{"role": "user", "content": "Go"}],
                "mcp": GATE,
            }
            asking = asyncio.create_task(ask(gateway.port, "POST", CHAT, body, headers))
            path = "/v1/runs?status=awaiting_approval"
            async with asyncio.timeout(5):
                while not (
                    runs := (await ask(gateway.port, "GET", path, headers=headers)).json["runs"]
                ):
                    await asyncio.sleep(0.01)
            where = f"/v1/runs/{runs[0]['id']}"
            if tried == "first":
                approve = {"decision": "approve"}
                await ask(gateway.port, "POST", f"{where}/approvals/toolu_1", approve, headers)
                assert said((await asking).body) == "One moment.Done."
            else:
                await gateway.kill()
                await asyncio.gather(asking, return_exceptions=True)
    for file in (tmp_path / "data").glob("*.db*"):
        assert b"CANARY-theirs" not in file.read_bytes()
    async with GatewayProcess(env) as gateway:
        over = (await ask(gateway.port, "GET", where, headers=headers)).json
        assert over["status"] == "interrupted"
        assert "the key that pays for it is never stored" in over["error"]["message"]


async def test_an_approved_call_is_not_made_again_after_a_kill(
    upstream: FakeAnthropic, tmp_path: Path, name: str
) -> None:
    env = environment(upstream, tmp_path)
    careful(upstream, name, tool="wait")
    async with GatewayProcess(env) as gateway:
        run = await parked(gateway, name, mcp={**GATE, "approval": "ask"})
        await decide(gateway, run)
        here = tmp_path / "workspace" / f"{name}.here"
        await there(here)
        await gateway.kill()
    here.unlink()
    async with GatewayProcess(env) as gateway:
        over = await until(gateway, name, "interrupted")
        assert over["approvals"][0]["decision"] == "approved"
        assert (await decide(gateway, run)).json["status"] == "interrupted"
        upstream.script(answering(text("Fine.")))
        assert (await chat(gateway, "And now?", session_id=name)).status == 200
        assert len(upstream.turns) == 2
        assert not here.exists()


async def test_another_process_on_the_same_data_shows_a_run_that_waits_and_decides_nothing(
    upstream: FakeAnthropic, tmp_path: Path, name: str
) -> None:
    env = environment(upstream, tmp_path)
    careful(upstream, name)
    async with GatewayProcess(env) as gateway, GatewayProcess(env) as other:
        run = await parked(gateway, name)
        assert (await until(other, name))["approvals"] == run["approvals"]
        refused(await decide(other, run), 409, "run_elsewhere")
        watching = asyncio.create_task(read(other, run))
        await decide(gateway, run)
        assert said(await watching) == "One moment.Done."
        assert (await decide(other, run)).status == 200
