"""The script that shows a stream and checks it."""

from __future__ import annotations

import json

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from tests.scripts.running import script


async def test_a_stream_of_a_fresh_gateway_is_shown_and_found_right() -> None:
    async with GatewayProcess() as gateway:
        done = await script("test_sse.sh", BASE_URL=gateway.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "id: 1\ndata: {" in done.stdout
        assert "data: [DONE]\n" in done.stdout
        assert "✓ asked for again from its beginning, it is the same bytes" in done.stdout
        assert "12 passed, 0 failed, 0 skipped" in done.stdout
        assert (await ask(gateway.port, "GET", "/v1/sessions")).json["total"] == 0


async def test_a_ping_comes_into_silence_and_is_no_part_of_what_is_kept() -> None:
    async with GatewayProcess({"GATEWAY_HEARTBEAT": "1"}) as gateway:
        done = await script("test_sse.sh", "--ping", "3", BASE_URL=gateway.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ": ping\n" in done.stdout
    assert "✓ a ping came in 3 seconds of silence" in done.stdout


async def test_without_a_ping_in_time_it_fails() -> None:
    async with GatewayProcess() as gateway:
        done = await script("test_sse.sh", "--ping", "1", BASE_URL=gateway.url)
    assert done.returncode == 1
    assert "✗ a ping came in 1 seconds of silence" in done.stdout


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([{"text": "So far"}, {"cut": True}], "✗ no frame is an error or unknown"),
        ([{"text": "So far"}, {"fail": {"status": 529}}], "✗ one end, and one [DONE]"),
        ([{"fail": {"status": 400}}], "✗ it is answered with 200"),
        ([{"fail": {"status": 400}}], "✗ it can be resumed"),
    ],
)
async def test_what_is_wrong_with_a_stream_is_named(steps: list[object], wrong: str) -> None:
    async with GatewayProcess() as gateway:
        words = json.dumps({"mock": steps})
        done = await script("test_sse.sh", words, BASE_URL=gateway.url)
    assert done.returncode == 1
    assert wrong in done.stdout


async def test_a_gateway_that_asks_claude_is_not_told_to_be_silent() -> None:
    async with GatewayProcess({"ANTHROPIC_API_KEY": "sk-ant-CANARY"}) as gateway:
        done = await script("test_sse.sh", "--ping", BASE_URL=gateway.url)
    assert done.returncode == 1
    assert "demo mode" in done.stderr


async def test_it_brings_a_key_where_one_is_wanted() -> None:
    env = {"GATEWAY_AUTH": "required", "GATEWAY_API_KEYS": "gw-CANARY-sse"}
    async with GatewayProcess(env) as gateway:
        done = await script("test_sse.sh", BASE_URL=gateway.url, API_KEY="gw-CANARY-sse")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "CANARY" not in done.stdout + done.stderr
        refused = await script("test_sse.sh", BASE_URL=gateway.url)
    assert refused.returncode == 1
    assert "missing_api_key" in refused.stdout
