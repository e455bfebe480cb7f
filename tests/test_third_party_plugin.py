"""A stranger's plugin, made only from what docs/plugins.md says, installed by pip."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionUserMessageParam

from claude_gateway.testing import GatewayProcess

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "plugins.md").read_text("utf-8")


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    [found] = [code for code in blocks if containing in code]
    return str(found)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the plugin is installed; the folder it was written in is gone from the path."""
    source = tmp_path_factory.mktemp("parrot")
    target = tmp_path_factory.mktemp("site")
    (source / "parrot.py").write_text(block("python", "class Parrot"))
    (source / "pyproject.toml").write_text(block("toml", "[project]"))
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-build-isolation", "--no-deps", "--no-index", "--target", target, source),
        ],
        check=True,
    )
    return target


@pytest.fixture
def environment(installed: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(installed)}


async def test_a_plugin_made_from_the_docs_serves_a_new_model(environment: dict[str, str]) -> None:
    async with GatewayProcess(environment) as gateway:
        client = AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="sk-ant-demo", max_retries=0)
        async with client:
            listed = [model.id async for model in client.models.list()]
            question: ChatCompletionUserMessageParam = {
                "role": "user",
                "content": "Polly wants a cracker",
            }
            whole = await client.chat.completions.create(model="parrot-1", messages=[question])
            stream = await client.chat.completions.create(
                model="parrot-1", messages=[question], stream=True
            )
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "parrot-1" in listed
    assert whole.choices[0].message.content == "Polly wants a cracker "
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (4, 4)
    assert "".join(pieces) == "Polly wants a cracker "


async def test_its_setting_is_read(
    environment: dict[str, str],
) -> None:
    async with GatewayProcess(environment | {"PARROT_GREETING": "Ahoy!"}) as gateway:
        client = AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="sk-ant-demo")
        answer = await client.chat.completions.create(
            model="parrot-1", messages=[{"role": "user", "content": "hello"}]
        )
        await client.close()
    assert answer.choices[0].message.content == "Ahoy! hello "


def test_it_is_listed_with_its_distribution_and_can_be_blocked(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "claude_gateway", "plugins"]
    env = os.environ | environment
    listed = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "parrot  claude-gateway-parrot 0.1.0  loaded" in listed.stdout
    env |= {"GATEWAY_PLUGINS_BLOCK": "parrot"}
    blocked = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "parrot  claude-gateway-parrot 0.1.0  blocked" in blocked.stdout


def test_it_passes_the_public_kit_as_the_docs_say(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "test_parrot.py").write_text(block("python", "TestParrot"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:]
    assert " passed" in result.stdout
