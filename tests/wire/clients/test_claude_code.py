"""The real Claude Code, pointed at the gateway; nothing of it may go anywhere else."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Reply, Stream
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import (
    MODEL,
    error,
    error_event,
    text,
    text_stream,
    thinking,
    tool_use,
)

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

CLIENT_KEY = "gw-CANARY-client"
PATIENCE = 60.0  # seconds for one run
README = Path(__file__).parents[3] / "README.md"
MCP_PAGE = README.parent / "docs/mcp.md"


class Tap:
    """A port that keeps all that is sent to it, and passes it on to the gateway if there is one."""

    def __init__(self, gateway: GatewayProcess | None = None) -> None:
        self.sent = bytearray()
        self.url = ""
        self._gateway = gateway

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._gateway is None:
            self.sent += await reader.read(2**16)
            writer.close()
            return
        back, onward = await asyncio.open_connection("127.0.0.1", self._gateway.port)
        with suppress(ConnectionError):
            await asyncio.gather(
                self._pump(reader, onward, self.sent), self._pump(back, writer, bytearray())
            )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray
    ) -> None:
        try:
            while piece := await reader.read(2**16):
                kept += piece
                writer.write(piece)
                await writer.drain()
        finally:
            writer.close()


class ClaudeCode:
    """Runs Claude Code in an empty home, in a folder of its own."""

    def __init__(self, program: Path, home: Path, outside: Tap) -> None:
        self.folder = home / "work"
        self.home = home
        self.folder.mkdir()
        self._program = program
        self._outside = outside

    def environment(self, url: str, **more: str) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([str(self._program.parent), *os.get_exec_path()]),
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_AUTH_TOKEN": CLIENT_KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_AUTOUPDATER": "1",
            "HTTP_PROXY": self._outside.url,
            "HTTPS_PROXY": self._outside.url,
            "NO_PROXY": "127.0.0.1,localhost",
            **more,
        }

    async def start(self, environment: dict[str, str], *arguments: str) -> Process:
        return await asyncio.create_subprocess_exec(
            *arguments,
            cwd=self.folder,
            env=environment,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def ask(self, url: str, words: str, *options: str, **more: str) -> tuple[int | None, str]:
        """Ask something in print mode; return the exit code and what was printed."""
        asked = ("claude", "-p", words, "--model", MODEL, *options)
        process = await self.start(self.environment(url, **more), *asked)
        printed = await finished(process)
        return process.returncode, printed


async def finished(process: Process) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            printed, complaints = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return (printed + complaints).decode()


@pytest_asyncio.fixture(loop_scope="session")
async def claude(claude_code: Path, tmp_path: Path) -> AsyncGenerator[ClaudeCode]:
    async with Tap() as outside:
        yield ClaudeCode(claude_code, tmp_path, outside)
        assert bytes(outside.sent) == b""


@pytest_asyncio.fixture(loop_scope="session")
async def tap(gateway: GatewayProcess, upstream: FakeAnthropic) -> AsyncGenerator[Tap]:
    async with Tap(gateway) as tap:
        yield tap


async def test_a_turn_with_a_tool_is_completed(
    claude: ClaudeCode, gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    (claude.folder / "word.txt").write_text("the word is xyzzy\n")
    look = tool_use(
        "Read", json.dumps({"file_path": str(claude.folder / "word.txt")}), id="toolu_a"
    )
    upstream.script(
        answering(thinking("A file."), text("Let me look."), look, stop_reason="tool_use"),
        answering(text("It is", " xyzzy.")),
    )
    code, printed = await claude.ask(gateway.url, "What is the word?", "--allowedTools", "Read")
    assert (code, printed) == (0, "It is xyzzy.\n")
    first, second = (turn.json for turn in upstream.turns)
    assert "Read" in [tool["name"] for tool in first["tools"]]
    said, results = second["messages"][-2:]
    assert said["content"][-2:] == [text("Let me look.").whole, look.whole]
    [result] = results["content"]
    assert (result["type"], result["tool_use_id"]) == ("tool_result", "toolu_a")
    assert "the word is xyzzy" in result["content"]


async def test_the_gateways_own_tools_are_used_through_mcp(
    claude: ClaudeCode, gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    [line] = re.findall(r"```sh\n(claude mcp add [^\n]*)\n```", MCP_PAGE.read_text("utf-8"))
    line = line.replace("localhost:8000", f"localhost:{gateway.port}")
    environment = claude.environment(gateway.url, GATEWAY_KEY=CLIENT_KEY)
    adding = await claude.start(environment, "bash", "-ec", line)
    added = await finished(adding)
    assert (adding.returncode, "Added HTTP MCP server" in added) == (0, True), added
    listing = await claude.start(environment, "claude", "mcp", "list")
    assert re.search(r"gateway: \S+ \(HTTP\) - .* Connected", await finished(listing))
    name = "mcp__gateway__mcp_filesystem__write_file"
    write = tool_use(name, json.dumps({"path": "claude.txt", "content": "xyzzy"}), id="toolu_m")
    upstream.script(answering(write, stop_reason="tool_use"), answering(text("Written.")))
    code, printed = await claude.ask(gateway.url, "Write it down.", "--allowedTools", name)
    assert (code, printed) == (0, "Written.\n")
    results = upstream.turns[-1].json["messages"][-1]
    [result] = [block for block in results["content"] if block["type"] == "tool_result"]
    assert result["tool_use_id"] == "toolu_m"
    assert "/workspace/claude.txt" in json.dumps(result["content"])


async def test_t04_all_that_it_sends_reaches_upstream_byte_for_byte(
    claude: ClaudeCode, tap: Tap, upstream: FakeAnthropic
) -> None:
    write = tool_use("Write", json.dumps({"file_path": "a.txt", "content": "ü\u2028"}))
    upstream.script(answering(write, stop_reason="tool_use"))
    code, _ = await claude.ask(tap.url, "Grüße 🦊", "--allowedTools", "Write", "--effort", "high")
    assert code == 0
    assert len(upstream.turns) == 2
    for turn in upstream.turns:
        assert turn.body in tap.sent
        assert turn.json["stream"] is True
    for name in ("anthropic-beta", "anthropic-version"):
        sent = re.findall(rf"(?im)^{name}: (.*)\r$".encode(), tap.sent)
        assert [turn.headers[name].encode() for turn in upstream.turns] == sent


async def test_models_are_discovered_and_tokens_counted(
    claude: ClaudeCode, gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    code, printed = await claude.ask(
        gateway.url, "/context", CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY="1"
    )
    assert code == 0
    assert "System prompt" in printed
    counts = [request for request in upstream.requests if request.path.endswith("/count_tokens")]
    assert counts
    assert {request.outcome for request in counts} == {"answered"}
    [found] = claude.home.rglob("gateway-models.json")
    models: list[dict[str, Any]] = json.loads(found.read_text("utf-8"))["models"]
    assert {"id": MODEL, "display_name": "Claude Sonnet 5.5"} in models


async def test_what_may_pass_is_tried_again(
    claude: ClaudeCode, gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    overloaded = Reply(529, error("overloaded_error", "Overloaded"), {"retry-after": "0"})
    upstream.script(overloaded)
    assert await claude.ask(gateway.url, "Hello") == (0, "Hello world\n")
    assert len(upstream.turns) == 2


async def test_t16_half_an_answer_is_not_taken_for_a_whole_one(
    claude: ClaudeCode, gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream([*text_stream("Half")[:4], error_event()]))
    assert await claude.ask(gateway.url, "Hello") == (0, "Hello world\n")
    assert len(upstream.turns) == 2


async def test_a_wrong_key_is_told_at_once(
    claude: ClaudeCode, gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    code, printed = await claude.ask(gateway.url, "Hello", ANTHROPIC_AUTH_TOKEN="gw-CANARY-wrong")
    assert code == 1
    assert "The API key is not valid here." in printed
    assert upstream.turns == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_t24_upstream_is_let_go_when_the_user_stops_it(
    claude: ClaudeCode, gateway: GatewayProcess, upstream: FakeAnthropic, how: signal.Signals
) -> None:
    upstream.always(Stream([*text_stream("Hel")[:4], Hang()]))
    process = await claude.start(claude.environment(gateway.url), "claude", "-p", "Hello")
    try:
        await upstream.wait_turns(timeout=PATIENCE)
        process.send_signal(how)
        assert await upstream.wait_closed(timeout=5) < 1
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_the_lines_of_the_readme_work_when_pasted(claude: ClaudeCode) -> None:
    [lines] = re.findall(r"```sh\n([^`]*\bclaude -p [^`]*)```", README.read_text("utf-8"))
    async with GatewayProcess({"MOCK_DELAY_MS": "0"}) as demo:
        lines = lines.replace("localhost:8000", f"localhost:{demo.port}")
        environment = claude.environment("http://nowhere")
        del environment["ANTHROPIC_BASE_URL"], environment["ANTHROPIC_AUTH_TOKEN"]
        process = await claude.start(environment, "bash", "-ec", lines)
        assert await finished(process)
        assert process.returncode == 0
        logged = [json.loads(line) for line in demo.stderr.splitlines() if line.startswith("{")]
        answered = {(line.get("route"), line.get("status")) for line in logged}
        assert {("/v1/models", 200), ("/v1/messages", 200)} <= answered
