"""What is reported to a Sentry of ours, over real HTTP, and what never is."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
import pytest_asyncio
from aiohttp import web

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply
from claude_gateway.testing.raw import Response, ask, chat_body
from claude_gateway.testing.wire import MODEL, error

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
KEY = "gw-CANARY-sentry"
PLUGIN = Path(__file__).parent / "broken" / "broken_backend.py"


@dataclass
class FakeSentry:
    """Takes envelopes."""

    port: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/api/1/envelope/", self._take)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, *_how: object) -> None:
        if self.runner is not None:
            await self.runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        self.bodies.append(body)
        for line in body.split(b"\n")[2::2]:
            if line:
                self.events.append(json.loads(line))
        return web.json_response({})

    async def event(self, fits: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait for an event."""
        async with asyncio.timeout(20):
            while not (found := [event for event in self.events if fits(event)]):
                await asyncio.sleep(0.02)
        assert len(found) == 1, found
        return found[0]


@dataclass(frozen=True)
class Site:
    gateway: GatewayProcess
    upstream: FakeAnthropic
    sentry: FakeSentry

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | bytes = b""
    ) -> Response:
        headers = {"x-api-key": KEY, "x-secret": "sk-ant-CANARY-header", "cookie": "CANARY"}
        return await ask(self.gateway.port, method, path, body, headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Site]:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "broken_backend.py").write_text(PLUGIN.read_text())
    info = folder / "broken_backend-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-backend\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[claude_gateway]\nbroken = broken_backend:plugin\n")
    async with FakeSentry() as sentry, FakeAnthropic() as upstream:
        env = {
            "PYTHONPATH": str(folder),
            "ANTHROPIC_API_KEY": "sk-ant-api03-CANARY",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_API_KEYS": KEY,
            "GATEWAY_MAX_RETRIES": "0",
            "SENTRY_DSN": f"http://public@127.0.0.1:{sentry.port}/1",
            "SENTRY_ENVIRONMENT": "tests",
            "SENTRY_TRACES_SAMPLE_RATE": "1",
        }
        async with GatewayProcess(env) as gateway:
            yield Site(gateway, upstream, sentry)
        assert gateway.exit_code == 0
        # S11, over all that was sent in this module.
        assert sentry.bodies
        assert b"CANARY" not in b"".join(sentry.bodies)


@pytest.mark.parametrize("stream", [False, True])
async def test_s11_a_defect_is_told_by_type_and_place_and_none_of_its_words(
    site: Site, stream: bool
) -> None:
    site.sentry.events.clear()
    body = chat_body("CANARY sk-ant-CANARY-body", model="broken-1", stream=stream)
    response = await site.ask("POST", CHAT, body)
    assert response.status == 500
    event = await site.sentry.event(lambda event: "exception" in event)
    inner, outer = event["exception"]["values"]
    assert (inner["type"], outer["type"]) == ("ValueError", "KeyError")
    assert (inner["value"], outer["value"]) == ("", "")
    place = outer["stacktrace"]["frames"][-1]
    assert place["module"] == "broken_backend"
    assert place["lineno"] > 1
    keys = {key for frame in outer["stacktrace"]["frames"] for key in frame}
    assert keys <= {"filename", "function", "module", "lineno", "in_app"}
    assert event["tags"]["request_id"] == response.header("x-request-id")
    assert (event["environment"], event["release"]) == ("tests", "claude-gateway@0.1.0")
    assert not {"request", "breadcrumbs", "user", "extra", "modules"} & event.keys()
    await site.sentry.event(lambda event: event.get("transaction") == f"POST {CHAT}")
    assert len([event for event in site.sentry.events if event.get("level") == "error"]) == 1


async def test_s11_what_upstream_got_wrong_is_told_by_its_code_and_none_of_its_words(
    site: Site,
) -> None:
    site.sentry.events.clear()
    site.upstream.script(Reply(500, error("api_error", "CANARY sk-ant-CANARY-upstream")))
    response = await site.ask("POST", CHAT, chat_body("CANARY", stream=True))
    assert response.status >= 500
    event = await site.sentry.event(lambda event: event.get("level") == "error")
    assert event["tags"]["backend"] == "anthropic"
    assert event["tags"]["model"] == MODEL
    assert event["tags"]["request_id"] == response.header("x-request-id")
    assert event["logentry"]["message"].startswith("a run failed: ")


async def test_s11_a_callers_mistakes_are_not_reported(site: Site) -> None:
    site.sentry.events.clear()
    assert (await site.ask("POST", CHAT, b"{CANARY")).status == 400
    assert (await site.ask("GET", "/v1/models/CANARY?key=sk-ant-CANARY")).status == 404
    site.upstream.script(Reply(400, error("invalid_request_error", "CANARY")))
    assert (await site.ask("POST", CHAT, chat_body("CANARY"))).status == 400
    assert (await site.ask("GET", "/v1/runs/CANARY")).status == 404
    told = await site.sentry.event(
        lambda event: event.get("transaction") == "GET /v1/runs/{run_id}"
    )
    assert told["type"] == "transaction"
    assert not [event for event in site.sentry.events if event.get("level") == "error"]


async def test_the_time_of_requests_is_reported_by_their_templates(site: Site) -> None:
    site.sentry.events.clear()
    await site.ask("GET", "/v1/models")
    event = await site.sentry.event(lambda event: event.get("transaction") == "GET /v1/models")
    assert event["contexts"]["trace"]["op"] == "http.server"
    assert event["timestamp"] > event["start_timestamp"]
