"""Lines that people paste into a shell, by the real curl, in demo mode and without a key."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from claude_gateway.testing import GatewayProcess

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

STREAM = """curl -X POST http://localhost:8000/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "claude-3-5-sonnet-20241022",
    "messages": [{"role": "user", "content": "Hello"}],
    "stream": true
  }' --no-buffer"""
SHORT_STREAM = """curl -X POST http://localhost:8000/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -d '{"model":"claude-3-5-haiku-20241022","messages":[{"role":"user","content":"Hi"}],"stream":true}' \\
  --no-buffer"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def demo() -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess({"MOCK_DELAY_MS": "0"}) as gateway:
        yield gateway


def paste(line: str, gateway: GatewayProcess) -> str:
    """Run a line as it stands, but for the port."""
    line = line.replace("localhost:8000", f"localhost:{gateway.port}")
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    return done.stdout


async def test_health_says_healthy_and_when(demo: GatewayProcess) -> None:
    answer = json.loads(paste("curl -sS http://localhost:8000/health", demo))
    assert answer["status"] == "healthy"
    assert answer["ok"] is True
    assert answer["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "line",
    [
        "curl -sS http://localhost:8000/v1/models",
        "curl http://localhost:8000/v1/models",
        'curl -H "Authorization: Bearer sk-ant-xxx" http://localhost:8000/v1/models',
        'curl -H "x-api-key: sk-ant-xxx" http://localhost:8000/v1/models',
    ],
)
async def test_models_are_listed(demo: GatewayProcess, line: str) -> None:
    answer = json.loads(paste(line, demo))
    assert answer["object"] == "list"
    assert any(model["id"].startswith("claude-") for model in answer["data"])


@pytest.mark.parametrize("line", [STREAM, SHORT_STREAM])
async def test_a_stream_comes_in_chunks_and_ends_with_done(demo: GatewayProcess, line: str) -> None:
    *frames, done, end = paste(line, demo).split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    chunks = [json.loads(frame.removeprefix("data: ")) for frame in frames]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == "Hello! How can I help you today?"


async def test_a_wrong_key_is_refused_even_here(demo: GatewayProcess) -> None:
    line = """curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer YOUR_API_KEY" \\
        http://localhost:8000/v1/models"""
    assert paste(line, demo) == "401"


async def test_the_line_that_serve_prints_works_when_pasted(demo: GatewayProcess) -> None:
    banner = demo.stdout
    line = banner[banner.index("curl -N") :].strip()
    assert "[DONE]" in paste(line, demo)
