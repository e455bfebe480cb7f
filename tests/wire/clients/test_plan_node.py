"""Samples in JavaScript that people paste, by the Node that the tests bring along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from claude_gateway.testing import GatewayProcess
from tests.plan.snippets import Snippet, paste, snippets


@pytest.mark.parametrize("snippet", snippets("node"), ids=str)
async def test_node_runs_it(tmp_path: Path, node_program: Path, snippet: Snippet) -> None:
    async with GatewayProcess() as gateway:
        done = paste(snippet.text, gateway, tmp_path, str(node_program), "--input-type=module")
    assert done.returncode == 0, done.stderr
    assert [pattern for pattern in snippet.shows if not re.search(pattern, done.stdout)] == []
