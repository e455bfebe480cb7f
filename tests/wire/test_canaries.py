"""A canary in every input of every route: what is secret stays inside, what is somebody's words is told to nobody else."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
import pytest_asyncio
from aiohttp import web

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import Connection, Response, message_body, request
from claude_gateway.web.app import ROUTES
from tests.canaries import Search
from tests.wire.canary_inputs import (
    BODIES,
    CREDENTIAL,
    HEADERS,
    KEYLIKE,
    PARAMETERS,
    PROMPT,
    ROOT,
    Asked,
    inputs,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

UPSTREAM_KEY = "sk-ant-api03-CANARYupstream-4b6a0c19"
MCP_ENV, MCP_HEADER = "CANARY-mcp-env-95b3d1", "CANARY-mcp-header-7ad2e0"
OTLP, DSN = "CANARY-otlp-2c8f44", "CANARYdsn2c8f44d1"
ENCRYPTION = base64.b64encode(b"CANARY-encryption-key-32-bytes-x").decode()
SECRETS = (UPSTREAM_KEY, MCP_ENV, MCP_HEADER, OTLP, DSN, ENCRYPTION, CREDENTIAL)
TINY = ROOT / "plugins/claude-gateway-mcp/tests/servers/tiny.py"
MORE = (("GET", "/metrics"),)  # what plugins add
TABLE = sorted({*((route.method, route.path) for route in ROUTES), *MORE})
AT_ONCE = 8
PASSED_ON = {"anthropic-beta", "anthropic-version"}  # they are for upstream
ALL = "chat,read,tools,mcp:manage,admin"
SEARCH = Search.of(SECRETS)


@dataclass
class Sink:
    """Takes what Sentry and OpenTelemetry would; to an MCP client it shouts its own credential back."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._take)
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
        self.paths.add(request.path)
        if request.path == "/mcp":
            return web.Response(status=500, text=f"no: {request.headers.get('Authorization')}")
        self.bodies.append(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        return web.Response()


@dataclass(frozen=True)
class Site:
    """A gateway that was given secrets wherever it takes one, and all that it tells anybody."""

    gateway: GatewayProcess
    upstream: FakeAnthropic
    sink: Sink
    key: str  # it may do everything
    owner: str

    async def ask(self, asked: Asked) -> Response:
        """Send it; a stream of events is left when its head has come."""
        own = {} if "x-api-key" in asked.headers else {"x-api-key": self.key}
        async with Connection(self.gateway.port, timeout=10) as connection:
            await connection.send(
                request(asked.method, asked.path, asked.body, {**own, **asked.headers})
            )
            if asked.method == "GET" and asked.path.startswith("/mcp"):
                return await connection.head()
            return await connection.response(bodiless=asked.method == "HEAD")


def environment(folder: Path, upstream: FakeAnthropic, sink: Sink) -> dict[str, str]:
    url = f"http://127.0.0.1:{sink.port}"
    tiny = {"command": sys.executable, "args": [str(TINY)], "env": {"TOKEN": MCP_ENV}}
    far = {
        "type": "http",
        "url": f"{url}/mcp",
        "headers": {"Authorization": f"Bearer {MCP_HEADER}"},
    }
    file = folder / "servers.json"
    file.write_text(json.dumps({"mcpServers": {"tiny": tiny, "far": far}}))
    return {
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": upstream.url,
        "GATEWAY_AUTH": "required",
        "GATEWAY_ENCRYPTION_KEY": ENCRYPTION,
        "GATEWAY_MCP_CONFIG": str(file),
        "GATEWAY_TOOL_AUDIT": "arguments",
        "GATEWAY_WRONG_KEYS": "0",
        "GATEWAY_BREAKER_FAILURES": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{OTLP}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "SENTRY_DSN": f"http://{DSN}@127.0.0.1:{sink.port}/1",
        "SENTRY_TRACES_SAMPLE_RATE": "1",
        "DEBUG": "true",
        "LOG_FORMAT": "json",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Site]:
    folder = tmp_path_factory.mktemp("canaries")
    async with Sink() as sink, FakeAnthropic() as upstream:
        async with GatewayProcess(environment(folder, upstream, sink)) as gateway:
            key = json.loads(
                told_by(gateway, "keys", "create", "--name", "all", "--scopes", ALL, "--json")
            )
            yield Site(gateway, upstream, sink, key["key"], key["id"])
        told = [gateway.stderr, gateway.stdout, *(body.decode("latin-1") for body in sink.bodies)]
        assert {"/v1/traces", "/v1/metrics", "/api/1/envelope/"} <= sink.paths
        assert not [where for text in told for where in re.findall(".{200}CANARY.{60}", text)]


def told_by(gateway: GatewayProcess, *command: str) -> bytes:
    """Run a command beside the gateway, with its environment, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "claude_gateway", *command],
        cwd=gateway.folder, env=gateway._environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


async def test_s11_every_input_is_known() -> None:
    assert {"x-gateway-profile", "idempotency-key", "last-event-id", "mcp-session-id"} - {
        *HEADERS
    } == set()
    assert {"after", "format", "group_by", "profile", "session_id", "status"} <= {*PARAMETERS}
    wants = {path for method, path in TABLE if method in {"POST", "PUT", "PATCH"}}
    without = {"/v1/responses/{response_id}/cancel", "/v1/runs/{run_id}/cancel"}
    assert wants - without == set(BODIES)


@pytest.mark.parametrize(("method", "path"), TABLE, ids=lambda part: part)
async def test_s11_a_canary_in_an_input_is_told_to_nobody(
    site: Site, method: str, path: str
) -> None:
    queue = inputs(method, path)
    ended = len(site.gateway.output())

    async def client() -> None:
        for asked in queue:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                answers.append((asked, await site.ask(asked)))

    answers: list[tuple[Asked, Response]] = []
    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    assert len(answers) > 30
    for asked, answer in answers:
        nothing_told(asked, answer)
    text = site.gateway.output()[ended:]
    assert not re.findall(".{200}CANARY.{60}", text)


def nothing_told(asked: Asked, answer: Response) -> None:
    """Check that an answer holds no secret, and a refusal nothing that looks like one, nor a prompt."""
    assert not SEARCH.found(answer.head + answer.body), asked
    assert KEYLIKE.encode() not in answer.head, asked
    if answer.status >= 400:
        assert KEYLIKE.encode() not in answer.body, (asked, answer.body)
        assert PROMPT.encode() not in answer.body, (asked, answer.body)


async def test_s11_a_tool_that_shouts_its_secret_and_a_server_that_repeats_it_are_not_heard(
    site: Site,
) -> None:
    body = {"server": "tiny", "tool": "shout", "arguments": {"text": KEYLIKE}, "audit_log": True}
    call = Asked("POST", "/v1/mcp/tools/call", body)
    assert (await site.ask(call)).json["is_error"] is False
    for path in ("/v1/mcp/servers", "/v1/mcp/audit", "/health?deep=1"):
        answer = await site.ask(Asked("GET", path))
        assert answer.status in {200, 503}
        assert b"CANARY-mcp" not in answer.body
        assert KEYLIKE.encode() not in answer.body


async def test_s11_upstream_is_given_its_own_key_and_no_credential_of_the_callers(
    site: Site,
) -> None:
    answer = await site.ask(Asked("POST", "/v1/messages", message_body(), {"cookie": CREDENTIAL}))
    assert answer.status == 200
    assert site.upstream.turns
    for received in site.upstream.requests:
        headers = str({n: v for n, v in received.headers.items() if n.lower() not in PASSED_ON})
        assert site.key not in headers
        assert CREDENTIAL not in headers
        assert headers.count(UPSTREAM_KEY) <= 1


async def test_s11_metrics_have_none(site: Site) -> None:
    page = (await site.ask(Asked("GET", "/metrics"))).body
    assert b"gateway_" in page
    assert b"CANARY" not in page


async def test_s11_no_secret_is_in_the_database_a_backup_or_an_export(site: Site) -> None:
    made = await site.ask(Asked("POST", "/v1/sessions", {"title": PROMPT}))
    mine = ("--owner", site.owner)
    export = ("sessions", "export", made.json["id"], "--output", "s.json", *mine)
    for command in (("backup", "copy.db"), export, ("sessions", "list", *mine), ("mcp", "audit")):
        assert not SEARCH.found(told_by(site.gateway, *command)), command
    assert PROMPT.encode() in (site.gateway.folder / "s.json").read_bytes()
    files = [path for path in site.gateway.folder.rglob("*") if path.is_file()]
    assert {"copy.db", "s.json"} <= {path.name for path in files}
    for path in files:
        assert not SEARCH.found(path.read_bytes()), path
        assert site.key.encode() not in path.read_bytes(), path
