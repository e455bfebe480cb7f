"""Everything that people are told to paste does what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from claude_gateway.testing import GatewayProcess
from tests.plan.snippets import AWAITING, ROOT, Snippet, paste, snippets

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECTIONS = ["1.3", "2.2", "2.3", "2.4", "3.1", "3.2", "3.3", "3.4", "4.1", "4.2", "4.3"]
SECTIONS += ["6.1", "6.2", "6.3", "A", "B"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def demo() -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess({"MOCK_DELAY_MS": "0"}) as gateway:
        yield gateway


def lacking(snippet: Snippet) -> list[str]:
    programs = [p for p in ("curl", "jq", "ab", "ping") if re.search(rf"\b{p}\b", snippet.text)]
    return [program for program in programs if shutil.which(program) is None]


def shown(snippet: Snippet, done: subprocess.CompletedProcess[str]) -> None:
    """Check that it ended well, and what it printed."""
    assert done.returncode == 0, done.stdout + done.stderr
    missing = [pattern for pattern in snippet.shows if not re.search(pattern, done.stdout)]
    assert not missing, done.stdout + done.stderr


@pytest.mark.parametrize("snippet", snippets("bash"), ids=str)
async def test_a_shell_runs_it(demo: GatewayProcess, tmp_path: Path, snippet: Snippet) -> None:
    if (programs := lacking(snippet)) and not os.environ.get("CI"):
        pytest.skip(f"{' and '.join(programs)} not installed")
    shown(snippet, paste(snippet.text, demo, tmp_path))


@pytest.mark.parametrize("snippet", snippets("python"), ids=str)
async def test_python_runs_it(demo: GatewayProcess, tmp_path: Path, snippet: Snippet) -> None:
    shown(snippet, paste(snippet.text, demo, tmp_path, sys.executable, "-c", AWAITING))


@pytest.mark.parametrize("snippet", snippets("make"), ids=str)
async def test_make_would_run_what_it_is_known_for(snippet: Snippet) -> None:
    command = [*snippet.printed.split(), "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    shown(snippet, done)


@pytest.mark.parametrize("snippet", snippets("compose"), ids=str)
async def test_the_compose_file_has_what_it_names(snippet: Snippet) -> None:
    named = re.fullmatch(
        r"(?:(\w+)=\w+ )?docker compose(?: -f (\S+))? (?:up|logs)(?: --?\w+)*(?: (\w+))?",
        snippet.printed,
    )
    assert named is not None
    variable, file, service = named.groups()
    path = ROOT / (file or "docker-compose.yml")
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    for included in loaded.get("include", []):
        loaded |= yaml.safe_load((path.parent / included["path"]).read_text(encoding="utf-8"))
    assert (service or "api") in loaded["services"]
    assert set(snippet.passes) == ({variable} if variable else set())
    for name in snippet.passes:  # no value: the one of whoever types the command
        assert loaded["services"]["api"]["environment"].get(name, "") is None


@pytest.mark.parametrize("snippet", snippets(name="stream"), ids=str)
async def test_a_stream_is_chunks_that_say_the_answer_and_then_done(
    demo: GatewayProcess, tmp_path: Path, snippet: Snippet
) -> None:
    *frames, done, end = paste(snippet.text, demo, tmp_path).stdout.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    chunks = [json.loads(frame.removeprefix("data: ")) for frame in frames]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == "Hello! How can I help you today?"


async def test_the_line_that_serve_prints_works_when_pasted(
    demo: GatewayProcess, tmp_path: Path
) -> None:
    line = demo.stdout[demo.stdout.index("curl -N") :].strip()
    assert "[DONE]" in paste(line, demo, tmp_path).stdout


async def test_the_list_covers_every_section_and_says_why_something_is_not_run() -> None:
    listed = snippets()
    assert [s for s in SECTIONS if s not in {snippet.section for snippet in listed}] == []
    for snippet in listed:
        assert snippet.kind in ("bash", "python", "node", "make", "compose", "none")
        assert bool(snippet.why) == bool(snippet.command or snippet.kind == "none"), snippet
        assert snippet.shows or snippet.kind in ("compose", "none"), snippet
