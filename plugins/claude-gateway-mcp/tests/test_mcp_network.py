"""Servers on the network: both eras, the older transport, and servers that do not behave."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from claude_gateway_mcp.keepers import Keeper, Limits

from claude_gateway import Progress, ToolCall

if TYPE_CHECKING:
    from tests.conftest import Hosted, Serve

MODERN, OLDER = "2026-07-28", "2025-11-25"
QUICK = 0.05  # seconds


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for the older era, as if a server knew no other."""
    monkeypatch.setattr(Keeper, "_all_modes", lambda _: ("legacy",))


# --- real servers


@pytest.mark.parametrize("kind", ["http", "json", "stateless"])
async def test_a_server_of_the_newer_era(serve: Serve, hosted_alone: Hosted, kind: str) -> None:
    async with hosted_alone(kind) as host, serve({"url": host.url}) as served:
        assert json.loads(await served.done("add", a=1, b=2)) == {"total": 3}
        assert await served.done("era") == MODERN
        assert served.server.transport == "http"
        await served.done("grow", name="grown")
        assert await served.done_soon("grown") == "new"


@pytest.mark.usefixtures("older")
@pytest.mark.parametrize("kind", ["http", "json"])
async def test_a_server_of_the_older_era(serve: Serve, hosted_alone: Hosted, kind: str) -> None:
    async with hosted_alone(kind) as host, serve({"url": host.url}) as served:
        assert await served.done("era") == OLDER
        await served.done("grow", name="grown")
        assert await served.done_soon("grown") == "new"


@pytest.mark.parametrize("fields", [{}, {"type": "sse"}])
async def test_a_server_that_only_knows_the_older_transport(
    serve: Serve, hosted_alone: Hosted, fields: dict[str, str]
) -> None:
    async with hosted_alone("sse") as host, serve({"url": host.url, **fields}) as served:
        assert await served.done("era") == OLDER
        await served.done("grow", name="grown")
        assert await served.done_soon("grown") == "new"


async def test_who_asks_for_streamable_http_gets_nothing_else(serve: Serve, hosted: Hosted) -> None:
    entry = {"type": "http"}
    async with hosted("sse") as host, serve({"url": host.url, **entry}, wait="error") as served:
        assert served.state.reason.endswith("answered with the status 405.")


@pytest.mark.parametrize("kind", ["http", "sse"])
async def test_results_come_as_the_server_made_them(
    serve: Serve, hosted: Hosted, kind: str
) -> None:
    async with hosted(kind) as host, serve({"url": host.url}) as served:
        summed = await served.run("add", a=1, b=2)
        assert summed.structured_content == {"total": 3}
        (image,) = (await served.run("picture")).content
        assert (image["type"], image["mimeType"]) == ("image", "image/png")
        assert "because" in await served.refused("fail", why="because")
        heard: list[Progress] = []
        await served.server.call("walk", ToolCall({"steps": 2}, "ada", progress=heard.append))
        assert heard == [Progress(1, 2, "step 1"), Progress(2, 2, "step 2")]


@pytest.mark.parametrize("kind", ["http", "json", "sse"])
async def test_t25_a_cancelled_call_ends_within_a_second(
    serve: Serve, hosted: Hosted, kind: str
) -> None:
    async with hosted(kind) as host, serve({"url": host.url}) as served:
        calling = asyncio.create_task(served.run("wait", seconds=100))
        await asyncio.sleep(0.1)  # it is on its way; whether it has arrived changes nothing
        calling.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await calling
        assert json.loads(await served.done("add", a=1, b=2)) == {"total": 3}


@pytest.mark.parametrize("kind", ["http", "sse"])
async def test_t34_a_server_that_goes_away_is_named_and_keeps_its_tools_and_comes_back(
    serve: Serve, hosted_alone: Hosted, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with hosted_alone(kind) as host, serve({"url": host.url}) as served:
        listed = await served.names()
        host.end()
        assert await served.refused("add", a=1, b=2)
        assert "cannot be reached" in (await served.becomes("error")).reason
        assert await served.names() == listed
        assert "its tools stay listed" in caplog.text


# --- servers that do not behave


@dataclass
class Fake:
    """A server of the older era; what it does next is in its fields."""

    url: str = ""
    status: int = 0  # of every answer, when it is not 0
    number: int = 0
    sessions: set[str] = field(default_factory=set)
    heard: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hangs: set[str] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    trick: str = ""

    def forget(self) -> None:
        """Lose all sessions, as after a restart."""
        self.sessions.clear()

    def methods(self) -> list[str]:
        """Return what was asked for."""
        return [message["method"] for message in self.heard]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        if self.status:
            return web.Response(status=self.status)
        if request.method != "POST":
            return web.Response(status=405)
        message = await request.json()
        self.heard.append(message)
        if message["method"] in self.hangs:
            await self.released.wait()
        if message["method"] == "initialize":
            self.number += 1
            self.sessions.add(str(self.number))
        elif message["method"] == "server/discover":
            return web.Response(status=400)
        elif request.headers.get("mcp-session-id") not in self.sessions:
            return web.Response(status=404)
        if "id" not in message:
            return web.Response(status=202)
        return self._tricky(message) or web.json_response(
            {"jsonrpc": "2.0", "id": message["id"], "result": self._result(message)},
            headers={"mcp-session-id": str(self.number)},
        )

    def _tricky(self, message: Any) -> web.Response | None:
        if message["method"] != "tools/call":
            return None
        if self.trick.isdigit():
            return web.Response(status=int(self.trick))
        tricks = {
            "endless": (b'{"jsonrpc":"2.0","id":1,"result":"' + b"x" * (21 * 2**20), {}),
            "packed": (gzip.compress(b" " * 2**20), {"content-encoding": "gzip"}),
            "html": (b"<html>", {"content-type": "text/html"}),
        }
        if self.trick not in tricks:
            return None
        body, headers = tricks[self.trick]
        return web.Response(body=body, headers={"content-type": "application/json", **headers})

    def _result(self, message: Any) -> object:
        match message["method"]:
            case "initialize":
                return {
                    "protocolVersion": OLDER,
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "fake", "version": "1"},
                }
            case "tools/list":
                return {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}
            case _:
                return {"content": [{"type": "text", "text": "echoed"}]}


@pytest.fixture
async def fake() -> AsyncGenerator[Fake]:
    fake = Fake()
    app = web.Application()
    app.router.add_route("*", "/mcp", fake.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    yield fake
    fake.released.set()
    await runner.cleanup()


async def test_t34_a_session_that_was_forgotten_is_begun_anew_and_the_call_made_again(
    serve: Serve, fake: Fake
) -> None:
    async with serve({"url": fake.url}) as served:
        assert await served.done("echo") == "echoed"
        fake.forget()
        assert await served.done("echo") == "echoed"
        assert fake.methods().count("initialize") == 2


async def test_t34_a_server_that_wants_somebody_to_sign_in_says_so(
    serve: Serve, fake: Fake
) -> None:
    fake.status = 401
    async with serve({"url": fake.url + "?key=CANARY-query"}, wait="auth_required") as served:
        assert served.state.reason.startswith(f"{fake.url} wants somebody to sign in")
        assert "sign in" in await served.refused("echo")


async def test_t34_a_credential_that_is_refused_later_shows_and_the_tools_stay(
    serve: Serve, fake: Fake
) -> None:
    async with serve({"url": fake.url}) as served:
        fake.trick = "401"
        fake.status = 401
        assert "sign in" in await served.refused("echo")
        await served.becomes("auth_required")
        assert await served.names() == ["echo"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "does not let the gateway in"), (404, "There is no MCP server"), (500, "status 500")],
)
async def test_a_status_is_named(serve: Serve, fake: Fake, status: int, reason: str) -> None:
    fake.status = status
    async with serve({"url": fake.url}, wait="error") as served:
        assert reason in served.state.reason


@pytest.mark.parametrize(
    ("trick", "reason"),
    [
        ("endless", "larger than 20 MB"),
        ("packed", "The answer is compressed"),
        ("html", "Unexpected content type: text/html"),
        ("503", "answered with the status 503"),
    ],
)
async def test_answers_that_are_none_are_failures(
    serve: Serve, fake: Fake, trick: str, reason: str
) -> None:
    async with serve({"url": fake.url}) as served:
        fake.trick = trick
        assert reason in await served.refused("echo")
        fake.trick = ""
        assert await served.done("echo") == "echoed"


async def test_t33_a_server_that_never_answers_is_given_up(serve: Serve, fake: Fake) -> None:
    fake.hangs = {"initialize"}
    async with serve({"url": fake.url}, limits=Limits(start=0.5), wait="error") as served:
        assert served.state.reason == "It did not start within 0.5 s."
        fake.hangs = set()
        fake.released.set()
        await served.becomes("available")


async def test_a_server_that_does_not_even_take_a_cancellation_is_connected_anew(
    serve: Serve, fake: Fake
) -> None:
    async with serve({"url": fake.url}) as served:
        fake.hangs = {"tools/call", "notifications/cancelled"}
        first, second = (asyncio.create_task(served.run("echo")) for _ in range(2))
        async with asyncio.timeout(10):
            while fake.methods().count("tools/call") < 2:
                await asyncio.sleep(0.005)
        for calling in (first, second):
            calling.cancel()
            async with asyncio.timeout(1):
                with pytest.raises(asyncio.CancelledError):
                    await calling
        fake.hangs = set()
        assert await served.done("echo") == "echoed"


async def test_a_server_on_the_network_is_looked_at_from_time_to_time(
    serve: Serve, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claude_gateway_mcp.keepers.LOOK", QUICK)
    async with serve({"url": fake.url}) as served:
        fake.status = 500
        await served.becomes("error")
        fake.status = 0
        await served.becomes("available")


async def test_s16_headers_are_those_of_the_file_and_none_of_a_caller(
    serve: Serve, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_TOKEN", "CANARY-token")
    entry = {"url": fake.url, "headers": {"Authorization": "Bearer ${FAKE_TOKEN}", "X-Team": "a"}}
    async with serve(entry) as served:
        await served.done("echo")
    assert fake.headers
    for sent in fake.headers:
        assert sent["Authorization"] == "Bearer CANARY-token"
        assert sent["X-Team"] == "a"
        assert "x-api-key" not in {name.lower() for name in sent}


async def test_s7_a_redirect_elsewhere_is_not_followed(
    serve: Serve, fake: Fake, unused_tcp_port: int
) -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(fake.url)

    app = web.Application()
    app.router.add_route("*", "/mcp", elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    entry = {"url": f"http://127.0.0.1:{unused_tcp_port}/mcp", "type": "http"}
    async with serve(entry, wait="error") as served:
        assert "Redirect to" in served.state.reason
    assert fake.heard == []
    await runner.cleanup()


async def test_nobody_there_is_an_error_that_says_so(serve: Serve, unused_tcp_port: int) -> None:
    entry = {"url": f"http://127.0.0.1:{unused_tcp_port}/mcp"}
    async with serve(entry, wait="error") as served:
        assert "cannot be reached" in served.state.reason
