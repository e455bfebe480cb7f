"""Gauges that are read when somebody asks: each moves in the real process."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import Connection, Response, ask, chat_body, request
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import MODEL, text, text_stream, tool_use

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
BROKEN = {"mcpServers": {"broken": {"command": "no-such-program"}}}


@dataclass(frozen=True)
class Site:
    """A gateway, its upstream, and what is on its page."""

    gateway: GatewayProcess
    upstream: FakeAnthropic

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | bytes = b""
    ) -> Response:
        return await ask(self.gateway.port, method, path, body)

    async def figure(self, name: str, **labels: str) -> float | None:
        page = (await self.ask("GET", "/metrics")).body.decode()
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if (sample.name, sample.labels) == (name, labels):
                    return sample.value
        return None

    async def number(self, name: str, **labels: str) -> float:
        found = await self.figure(name, **labels)
        assert found is not None, f"{name} is not on the page"
        return found

    async def becomes(self, name: str, wanted: float, **labels: str) -> None:
        async with asyncio.timeout(20):
            while await self.figure(name, **labels) != wanted:
                await asyncio.sleep(0.05)

    async def session(self) -> str:
        return str((await self.ask("POST", "/v1/sessions", {})).json["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Site]:
    data = tmp_path_factory.mktemp("data")
    (data / "mcp.json").write_text(json.dumps(BROKEN), "utf-8")
    async with FakeAnthropic() as upstream:
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-api03-CANARY",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_MAX_RETRIES": "0",
            "GATEWAY_BREAKER_FAILURES": "2",
            "GATEWAY_BREAKER_COOLDOWN": "0.1",
            "GATEWAY_DATA_DIR": str(data),
        }
        async with GatewayProcess(env) as gateway:
            yield Site(gateway, upstream)


async def test_streams_that_are_open_are_seen_until_they_end(site: Site) -> None:
    assert await site.number("streams_open") == 0
    assert await site.number("api_requests_in_progress") == 1  # the one that looks
    writes, hold = await site.number("stream_writes_total"), asyncio.Event()
    beginning, *end = text_stream("Hello", "you")
    site.upstream.script(Stream([beginning, hold, *end]))
    async with Connection(site.gateway.port) as connection:
        await connection.send(request("POST", CHAT, chat_body(stream=True)))
        await site.becomes("streams_open", 1)
        assert await site.number("api_requests_in_progress") == 2
        hold.set()
        await connection.response()
    await site.becomes("streams_open", 0)
    assert await site.number("stream_writes_total") > writes


async def test_turns_that_wait_for_their_session_are_counted(site: Site) -> None:
    hold, session = asyncio.Event(), await site.session()
    beginning, *end = text_stream("Hello")
    site.upstream.script(Stream([beginning, hold, *end]))
    body = chat_body(session_id=session, if_busy="queue")
    first = asyncio.create_task(site.ask("POST", CHAT, {**body, "stream": True}))
    await site.becomes("runs_in_progress", 1)
    second = asyncio.create_task(site.ask("POST", CHAT, body))
    await site.becomes("turns_waiting", 1)
    hold.set()
    assert [(await turn).status for turn in (first, second)] == [200, 200]
    assert await site.number("turns_waiting") == 0


async def test_calls_that_wait_for_a_person_are_counted(site: Site) -> None:
    session = await site.session()
    calls = [tool_use("mcp_filesystem__list_directory", "{}", id=f"toolu_{n}") for n in (1, 2)]
    site.upstream.script(answering(*calls, stop_reason="tool_use"), answering(text("Done.")))
    mcp = {"enabled_servers": ["mcp_filesystem"], "approval": "ask"}
    body = chat_body(session_id=session, mcp=mcp, stream=True)
    turn = asyncio.create_task(site.ask("POST", CHAT, body))
    await site.becomes("approvals_waiting", 2)
    assert await site.number("runs_awaiting_approval") == 1
    (run,) = (await site.ask("GET", f"/v1/runs?session_id={session}")).json["runs"]
    for n, waiting in ((1, 1), (2, 0)):
        path = f"/v1/runs/{run['id']}/approvals/toolu_{n}"
        assert (await site.ask("POST", path, {"decision": "deny"})).status == 200
        await site.becomes("approvals_waiting", waiting)
    assert (await turn).status == 200
    await site.becomes("runs_awaiting_approval", 0)
    assert await site.number("runs_total", model=MODEL, state="parked") == 1


async def test_servers_of_tools_are_up_or_down(site: Site) -> None:
    assert await site.number("mcp_server_up", server="mcp_filesystem") == 1
    await site.becomes("mcp_server_up", 0, server="broken")


async def test_health_checks_are_shown_with_their_age_and_backends_with_their_circuit(
    site: Site,
) -> None:
    for check in ("disk_space", "memory", "database", "anthropic_breaker"):
        await site.becomes("health_check_ok", 1, check=check)
        assert 0 <= await site.number("health_check_age_seconds", check=check) < 40
    assert await site.number("health_check_ok", check="mcp_servers") == 0  # one is broken
    assert await site.number("upstream_breaker_open", backend="anthropic") == 0
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "No"}}
    site.upstream.script(*[Reply(529, error)] * 2)
    for _ in range(2):
        assert (await site.ask("POST", CHAT, chat_body())).status == 503
    assert await site.number("upstream_breaker_open", backend="anthropic") == 1
    assert await site.number("health_check_ok", check="anthropic_breaker") == 0
    site.upstream.reset()
    async with asyncio.timeout(20):
        while (await site.ask("POST", CHAT, chat_body())).status != 200:
            await asyncio.sleep(0.05)
    assert await site.number("health_check_ok", check="anthropic_breaker") == 1


async def test_what_the_store_writes_is_counted_and_timed(site: Site) -> None:
    changes = await site.number("store_changes_total")
    commits = await site.number("store_commit_seconds_count")
    await site.session()
    assert await site.number("store_changes_total") > changes
    assert await site.number("store_commit_seconds_count") > commits
    assert await site.number("store_commit_seconds_bucket", le="+Inf") > commits
    assert await site.number("store_commit_seconds_sum") > 0
    assert await site.number("store_size_bytes") > 4096
    assert (await site.number("store_full"), await site.number("store_failures_total")) == (0, 0)


async def test_the_event_loop_and_the_process_are_measured(site: Site) -> None:
    looks = await site.number("event_loop_lag_seconds_count")
    async with asyncio.timeout(20):
        while await site.number("event_loop_lag_seconds_count") <= looks:
            await asyncio.sleep(0.05)
    assert await site.number("process_resident_memory_bytes") > 1e6
    assert await site.number("process_open_fds") > 3
    assert await site.number("gateway_draining") == 0


async def test_a_store_that_cannot_write_is_counted(tmp_path: Path) -> None:
    async with GatewayProcess({"GATEWAY_DATA_DIR": str(tmp_path)}) as gateway:
        async with FakeAnthropic() as nobody:
            site = Site(gateway, nobody)
        # Somebody holds the write lock for longer than the gateway waits.
        (database,) = tmp_path.glob("*.db")
        other = sqlite3.connect(database, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            async with Connection(gateway.port, timeout=20) as connection:
                await connection.send(request("POST", "/v1/sessions", {}))
                assert (await connection.response()).status == 503
            assert await site.number("store_failures_total") >= 1
        finally:
            other.close()
        assert await site.number("store_full") == 0


async def test_budgets_are_seen_by_kind_with_what_they_warn_about_and_refuse(site: Site) -> None:
    made = (await site.ask("POST", "/v1/admin/keys", {"name": "phone"})).json
    path, key = f"/v1/admin/budgets/key/{made['id']}", {"x-api-key": made["key"]}
    await site.ask("PUT", f"{path}/day", {"limit": 1, "soft": 0.1})

    async def spent() -> int:
        usage = {"input_tokens": 250_000, "output_tokens": 1}
        site.upstream.script(answering(text("Hello"), usage=usage))
        body = chat_body(max_tokens=100)
        return (await ask(site.gateway.port, "POST", CHAT, body, key)).status

    assert await spent() == 200
    assert await spent() == 200
    assert await site.number("budget_used_ratio", kind="key") == pytest.approx(0.50001)
    assert await site.number("budget_warnings_total", kind="key", period="day") == 1
    assert await site.figure("budget_refusals_total", kind="key", period="day") is None
    assert await spent() == 429
    assert await site.number("budget_refusals_total", kind="key", period="day") == 1
    assert await site.number("budget_used_ratio", kind="key") == pytest.approx(1.00002)
