"""MCP programs that others wrote, for Node: the protocol's own conformance suite, and the Inspector."""

from __future__ import annotations

import asyncio
import json
import re
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest

from claude_gateway.testing import GatewayProcess
from tests.wire.clients.conftest import PROJECT
from tests.wire.conftest import MCP_KEY

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

SUITE = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
INSPECTOR = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
PATIENCE = 120.0  # seconds for one program

# What is not there asks the client something, or tells it what tools log; tasks are an extension.
NOT_THERE = {
    "logging-set-level",
    "tools-call-with-logging",
    "tools-call-sampling",
    "tools-call-elicitation",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    "resources-subscribe",
    "resources-unsubscribe",
    "input-required-result-basic-elicitation",
    "input-required-result-basic-sampling",
    "input-required-result-basic-list-roots",
    "input-required-result-request-state",
    "input-required-result-multiple-input-requests",
    "input-required-result-multi-round",
    "input-required-result-non-tool-request",
    "input-required-result-result-type",
    "input-required-result-tampered-state",
    "input-required-result-capability-check",
    "tasks-lifecycle",
    "tasks-capability-negotiation",
    "tasks-wire-fields",
    "tasks-request-state-removal",
    "tasks-mrtr-input",
    "tasks-request-headers",
    "tasks-dispatch-and-envelope",
    "tasks-required-task-error",
    "tasks-mrtr-composition",
}
# Its checks all pass but two, which need a tool that asks the client's model something.
UNTESTABLE = {"server-stateless": 2}
LEAST = {"2025-06-18": 20, "2025-11-25": 24, "2026-07-28": 27}  # scenarios that pass


async def run(node: Path, *arguments: str) -> tuple[int | None, str]:
    """Run a program of Node's; return how it ended and what it printed."""
    process = await asyncio.create_subprocess_exec(
        node, *arguments, cwd=PROJECT, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    try:
        async with asyncio.timeout(PATIENCE):
            printed, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode, printed.decode()


@pytest.fixture
async def open_gateway(plugin_path: str) -> Any:
    """A gateway that needs no key from this machine, because the suite sends none."""
    async with GatewayProcess({"PYTHONPATH": plugin_path}) as gateway:
        yield gateway
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


@pytest.mark.parametrize("revision", LEAST)
async def test_the_protocols_own_conformance_suite_passes(
    node_program: Path, open_gateway: GatewayProcess, revision: str
) -> None:
    url = f"{open_gateway.url}/mcp/everything"
    asked = ("--suite", "all", "--spec-version", revision)
    _, printed = await run(node_program, SUITE, "server", "--url", url, *asked)
    found = re.findall(r"^[✓✗] (\S+): (\d+) passed, (\d+) failed", printed, re.MULTILINE)
    failing = {name: int(failures) for name, _, failures in found if failures != "0"}
    unexpected = {
        name: failures
        for name, failures in failing.items()
        if name not in NOT_THERE and failures != UNTESTABLE.get(name)
    }
    assert not unexpected, printed
    assert len(found) - len(failing) >= LEAST[revision], printed


async def inspected(node: Path, gateway: GatewayProcess, *arguments: str) -> Any:
    """What the Inspector prints without a page."""
    header = ("--header", f"Authorization: Bearer {MCP_KEY}")
    where = (f"{gateway.url}/mcp", "--transport", "http", *header)
    code, printed = await run(node, INSPECTOR, "--cli", *where, *arguments)
    assert code == 0, printed
    return json.loads(printed[printed.index("{") :])


async def test_the_inspector_lists_and_calls(
    node_program: Path, everything: GatewayProcess
) -> None:
    listed = await inspected(node_program, everything, "--method", "tools/list")
    names = [tool["name"] for tool in listed["tools"]]
    assert {"mcp_filesystem__read_file", "everything__test_simple_text"} <= set(names)
    call = ("--method", "tools/call", "--tool-name", "everything__test_who")
    called = await inspected(node_program, everything, *call, "--tool-arg", "word=hello")
    assert called["structuredContent"]["arguments"] == {"word": "hello"}
    resources = await inspected(node_program, everything, "--method", "resources/list")
    assert "gateway://everything/test://static-text" in [r["uri"] for r in resources["resources"]]
    prompts = await inspected(node_program, everything, "--method", "prompts/list")
    assert "everything__test_simple_prompt" in [prompt["name"] for prompt in prompts["prompts"]]
