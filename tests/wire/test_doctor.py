"""`claude-gateway doctor` beside real gateways: what it finds, and what it says to do."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from tests.wire.test_keys import Issuing

pytestmark = pytest.mark.asyncio(loop_scope="session")

STATIC = "gw-CANARY-doctor"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def issuing() -> AsyncGenerator[Issuing]:
    async with GatewayProcess({"GATEWAY_AUTH": "required"}) as gateway:
        yield Issuing(gateway)


async def examined(
    issuing: Issuing, *arguments: str, stdin: str = "", **env: str
) -> tuple[int, list[dict[str, Any]]]:
    """Run the doctor with the gateway's settings; return how it ended, and what it found."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "claude_gateway", "doctor", "--json", *arguments),
        cwd=issuing.gateway.folder,
        env={
            "HOME": str(issuing.gateway.folder),
            "GATEWAY_DATA_DIR": issuing.data,
            "GATEWAY_AUTH": "required",
            "GATEWAY_API_KEYS": STATIC,
            "PORT": str(issuing.gateway.port),
            **env,
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    assert process.returncode in (0, 1), err
    return process.returncode, json.loads(out)


def found(findings: list[dict[str, Any]], words: str) -> dict[str, Any]:
    matching = [one for one in findings if words in one["says"]]
    assert len(matching) == 1, findings
    return matching[0]


async def test_a_gateway_for_this_machine_alone_is_why_a_phone_cannot_connect(
    issuing: Issuing,
) -> None:
    code, findings = await examined(issuing)
    assert code == 1
    assert found(findings, "The gateway answers at")["state"] == "ok"
    assert "GATEWAY_HOST=0.0.0.0" in found(findings, "A phone cannot connect")["fix"]


async def test_a_gateway_that_does_not_run_is_found_out(issuing: Issuing) -> None:
    code, findings = await examined(issuing, PORT="9")
    assert code == 1
    assert "claude-gateway serve" in found(findings, "No gateway answers")["fix"]


async def test_another_program_on_the_port_is_told_apart(issuing: Issuing) -> None:
    async def rude(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nServer: other\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(rude, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        _, findings = await examined(issuing, PORT=str(port))
    assert "choose another port" in found(findings, "Another program answers")["fix"]


async def test_a_phone_without_a_key_is_told_to_have_one_made(issuing: Issuing) -> None:
    env = {"GATEWAY_HOST": "0.0.0.0", "GATEWAY_API_KEYS": ""}  # nothing is bound
    async with GatewayProcess() as fresh:
        _, findings = await examined(Issuing(fresh), **env)
    assert "keys create" in found(findings, "no key that a phone could use")["fix"]


@pytest.mark.parametrize(
    ("url", "words", "fix"),
    [
        ("gateway.local:8000", "is no address", "http://"),
        ("{here}/v1", "ends in /v1", "{here}"),
        ("http://192.0.2.1:9", "does not work", ""),
        ("{here}", "reaches a gateway", ""),
    ],
)
async def test_the_address_on_the_phone_is_tried(
    issuing: Issuing, url: str, words: str, fix: str
) -> None:
    here = issuing.gateway.url
    _, findings = await examined(issuing, "--url", url.format(here=here))
    assert fix.format(here=here) in found(findings, words)["fix"]


async def test_a_name_that_is_not_allowed_is_told_with_the_setting_that_allows_it(
    issuing: Issuing,
) -> None:
    answer = await ask(issuing.gateway.port, "GET", "/health", b"", {"Host": "gateway.example"})
    assert answer.status == 403
    assert answer.json["error"]["code"] == "host_not_allowed"


async def test_every_way_in_which_a_key_is_bad_has_its_cure(issuing: Issuing) -> None:
    good = (await issuing.caller(name="good")).key
    revoked = (await issuing.caller(name="gone")).key
    await issuing.run("keys", "revoke", "gone")
    old = (await issuing.caller(name="turned")).key
    await issuing.run("keys", "rotate", "turned", "--grace", "0s")
    cases = [
        (good, "is good. It may: chat, read, tools", "ok", ""),
        (STATIC, "one of GATEWAY_API_KEYS", "ok", ""),
        (revoked, "The key gone was revoked", "bad", "keys create"),
        (old, "was rotated", "bad", "keys rotate"),
        (good[:-1], "was copied badly", "bad", "Copy it once more"),
        (f'"{good}"', "in quotation marks", "bad", "Leave them out"),
        (f"Bearer {good}", "begins with 'Bearer'", "bad", "Leave it out"),
        ("sk-ant-api03-CANARY-x", "taken from this machine only", "note", "keys create"),
        ("something else", "No key has such characters", "bad", "Copy it"),
        ("something", "has not issued it", "bad", "keys create"),
    ]
    for key, words, state, fix in cases:
        _, findings = await examined(issuing, "--key", "-", stdin=f"{key}\n")
        finding = found(findings, words)
        assert (finding["state"], fix in finding["fix"]) == (state, True), finding
        assert key.strip("\"' ").removeprefix("Bearer ") not in json.dumps(findings)


async def test_the_gateway_that_runs_has_the_last_word_on_a_key(issuing: Issuing) -> None:
    good = (await issuing.caller(name="asked")).key
    _, findings = await examined(issuing, "--key", good)
    assert found(findings, "takes the key")["state"] == "ok"
    _, findings = await examined(issuing, "--key", STATIC)  # the running one does not know it
    assert "401" in found(findings, "The gateway that runs says")["says"]
