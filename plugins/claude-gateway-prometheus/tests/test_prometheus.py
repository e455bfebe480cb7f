"""Every metric moves when it should, in the real process, and none multiplies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio
from claude_gateway_prometheus.observer import OTHER
from prometheus_client.parser import text_string_to_metric_families

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import Response, ask, chat_body
from claude_gateway.testing.wire import MODEL, text_stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "gw-CANARY-metrics"
PLAN = {
    "api_requests_total": {"method", "endpoint"},
    "api_request_duration_seconds_count": {"method", "endpoint"},
    "tokens_used_total": {"model", "type"},
    "token_cost_dollars_total": {"model"},
    "active_sessions": set(),
    "session_duration_seconds_count": set(),
    "mcp_tool_invocations_total": {"server", "tool"},
}
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Site:
    """A gateway, its upstream, and what is on its page."""

    gateway: GatewayProcess
    upstream: FakeAnthropic

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | bytes = b""
    ) -> Response:
        return await ask(self.gateway.port, method, path, body, {"x-api-key": KEY})

    async def page(self, **headers: str) -> str:
        headers = {"x-api-key": KEY, **headers}
        answer = await ask(self.gateway.port, "GET", "/metrics", b"", headers)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    async def figures(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(await self.page())
            for sample in family.samples
        }

    async def figure(self, name: str, **labels: str) -> float:
        return (await self.figures()).get((name, frozenset(labels.items())), 0.0)

    async def becomes(self, name: str, wanted: float, **labels: str) -> None:
        """Wait for what is counted in the background."""
        async with asyncio.timeout(20):
            while await self.figure(name, **labels) != wanted:
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncGenerator[Site]:
    async with FakeAnthropic() as upstream:
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-api03-CANARY",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_API_KEYS": KEY,
            "GATEWAY_MAX_RETRIES": "1",
            "GATEWAY_BREAKER_FAILURES": "3",
            "GATEWAY_BREAKER_COOLDOWN": "0.2",
        }
        async with GatewayProcess(env) as gateway:
            site = Site(gateway, upstream)
            yield site
            assert "CANARY" not in await site.page()


def labels_of(
    figures: Mapping[tuple[str, frozenset[tuple[str, str]]], float], name: str
) -> set[str]:
    return {key for known, labels in figures if known == name for key, _ in labels}


async def test_the_plans_metrics_have_its_names_and_labels(site: Site) -> None:
    session = (await site.ask("POST", "/v1/sessions", {})).json
    await site.ask("POST", CHAT, chat_body(model=MODEL, session_id=session["id"]))
    call = {"server": "mcp_filesystem", "tool": "list_directory", "arguments": {}}
    await site.ask("POST", "/v1/mcp/tools/call", call)
    await site.ask("DELETE", f"/v1/sessions/{session['id']}")
    figures = await site.figures()
    for name, labels in PLAN.items():
        assert name in {known for known, _ in figures}, name
        assert labels_of(figures, name) == labels


async def test_requests_are_counted_by_method_route_and_status(site: Site) -> None:
    where = {"method": "GET", "endpoint": "/v1/models/{model_id}"}
    before = await site.figure("api_requests_total", **where)
    for _ in range(3):
        await site.ask("GET", "/v1/models/nothing-of-the-kind")
    assert await site.figure("api_requests_total", **where) == before + 3
    assert await site.figure("api_request_duration_seconds_count", **where) == before + 3
    assert await site.figure("api_responses_total", endpoint=where["endpoint"], status="404") >= 3


async def test_a_turn_is_counted_with_its_tokens_its_cost_and_its_times(site: Site) -> None:
    before = await site.figures()

    async def more(name: str, **labels: str) -> float:
        return await site.figure(name, **labels) - before.get((name, frozenset(labels.items())), 0)

    used = {"input_tokens": 1_000, "output_tokens": 100, "cache_read_input_tokens": 50}
    site.upstream.script(Stream(text_stream("Hello", usage=used)))
    body = chat_body(model=MODEL, stream=True, project_id="default")
    assert (await site.ask("POST", CHAT, body)).status == 200
    assert await more("tokens_used_total", model=MODEL, type="input") == 1_000
    assert await more("tokens_used_total", model=MODEL, type="cache_read") == 50
    assert await more("tokens_used_total", model=MODEL, type="output") == 100
    assert await more("token_cost_dollars_total", model=MODEL) > 0
    assert await more("runs_total", model=MODEL, state="completed") == 1
    assert await more("model_calls_total", model=MODEL) == 1
    for name in ("run_duration_seconds_count", "time_to_first_token_seconds_count"):
        assert await more(name, model=MODEL) == 1
    assert await more("stream_duration_seconds_count") == 1
    assert await more("stream_longest_gap_seconds_count") == 1
    assert await more("stream_bytes_total") > 100
    assert await site.figure("runs_in_progress") == 0
    assert await site.figure("claude_gateway_build_info", version="0.1.0") == 1


async def test_sessions_are_counted_while_they_are_active(site: Site) -> None:
    await site.becomes("active_sessions", await site.figure("active_sessions"))
    before, ended = (
        await site.figure("active_sessions"),
        await site.figure("session_duration_seconds_count"),
    )
    session = (await site.ask("POST", "/v1/sessions", {})).json
    await site.becomes("active_sessions", before + 1)
    await site.ask("PATCH", f"/v1/sessions/{session['id']}", {"is_active": False})
    await site.ask("DELETE", f"/v1/sessions/{session['id']}")  # it has ended already
    await site.becomes("active_sessions", before)
    assert await site.figure("session_duration_seconds_count") == ended + 1


async def test_calls_of_tools_are_counted_by_how_they_ended(site: Site) -> None:
    async def call(tool: str, **arguments: object) -> None:
        asked = {"server": "mcp_filesystem", "tool": tool, "arguments": arguments}
        await site.ask("POST", "/v1/mcp/tools/call", asked)

    await call("read_file", path="not-there.txt")
    of = {"server": "mcp_filesystem", "tool": "read_file"}
    assert await site.figure("mcp_tool_invocations_total", **of) == 1
    failed = {"server": "mcp_filesystem", "outcome": "failed"}
    assert await site.figure("mcp_tool_outcomes_total", **failed) == 1
    assert await site.figure("mcp_tool_duration_seconds_count", server="mcp_filesystem") > 0


async def test_trouble_upstream_is_counted_and_an_open_circuit_is_seen(site: Site) -> None:
    overloaded = {"error": {"type": "overloaded_error", "message": "No"}, "type": "error"}
    for _ in range(4):
        site.upstream.script(Reply(529, overloaded))
    for _ in range(2):
        assert (await site.ask("POST", CHAT, chat_body(model=MODEL))).status >= 500
    figures = await site.figures()
    retries = [v for (name, _), v in figures.items() if name == "upstream_retries_total"]
    assert sum(retries) >= 1
    assert await site.figure("runs_total", model=MODEL, state="failed") >= 2
    assert await site.figure("upstream_breaker_open", backend="anthropic") == 1
    site.upstream.reset()
    async with asyncio.timeout(20):  # the circuit closes by a call that works
        while (await site.ask("POST", CHAT, chat_body(model=MODEL))).status != 200:
            await asyncio.sleep(0.05)
    assert await site.figure("upstream_breaker_open", backend="anthropic") == 0


async def test_t32_whatever_clients_send_makes_no_more_series(site: Site) -> None:
    async def junk(number: int) -> None:
        await site.ask("POST", CHAT, chat_body(model=f"junk-{number}"))
        await site.ask("POST", CHAT, chat_body(model=f"claude-junk-{number}"))
        await site.ask("GET", f"/v1/junk/{number}")
        await site.ask(f"JUNK{number}", "/v1/models")

    await junk(0)
    before = set(await site.figures())
    for start in range(1, 501, 25):
        await asyncio.gather(*(junk(number) for number in range(start, start + 25)))
    assert set(await site.figures()) == before
    assert await site.figure("runs_total", model=OTHER, state="completed") >= 500


async def test_the_page_needs_a_key_and_comes_in_both_formats(site: Site) -> None:
    wrong = await ask(site.gateway.port, "GET", "/metrics", b"", {"x-api-key": "gw-wrong"})
    assert wrong.status == 401
    assert "# EOF" not in await site.page()
    assert (await site.page(Accept="application/openmetrics-text; version=1.0.0")).endswith(
        "# EOF\n"
    )


async def test_the_page_can_be_shown_to_everybody() -> None:
    env = {"GATEWAY_AUTH": "required", "METRICS_PUBLIC": "true"}
    async with GatewayProcess(env) as gateway:
        answer = await ask(gateway.port, "GET", "/metrics")
        assert (answer.status, b"api_requests_total" in answer.body) == (200, True)
