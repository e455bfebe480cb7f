"""Keys that the gateway issues, beside the running server, as an operator would."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from claude_gateway.access.issuing import new_secret
from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Stream
from claude_gateway.testing.raw import Connection, ask, refused, request
from claude_gateway.testing.wire import text_stream
from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"
SOON = 3.0  # seconds, on a busy machine; docs/keys.md promises one


@dataclass(frozen=True)
class Issuing:
    """A gateway that wants keys, and its operator's command line."""

    gateway: GatewayProcess

    async def run(self, *arguments: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "claude_gateway", *arguments, "--json"),
            cwd=self.gateway.folder,
            env={"HOME": str(self.gateway.folder), "GATEWAY_DATA_DIR": self.data},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err
        return json.loads(out)

    @property
    def data(self) -> str:
        return f"{self.gateway.folder}/data"

    async def caller(self, *arguments: str, name: str = "phone") -> Caller:
        from tests.wire.conftest import Caller  # noqa: PLC0415  # as a class only here

        made = await self.run("keys", "create", "--name", name, *arguments)
        return Caller(self.gateway.port, made["key"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def issuing() -> AsyncGenerator[Issuing]:
    async with GatewayProcess({"GATEWAY_AUTH": "required"}) as gateway:
        yield Issuing(gateway)
    assert "cg-" not in gateway.output()
    assert gateway.exit_code == 0


async def until(caller: Caller, status: int) -> float:
    """Ask until the answer has this status; return how many seconds that took."""
    began = time.monotonic()
    async with asyncio.timeout(SOON):
        while (await caller.ask("GET", "/v1/models")).status != status:
            pass
    return time.monotonic() - began


@pytest.mark.parametrize("style", ["x-api-key", "authorization"])
async def test_a_new_key_opens_the_running_gateway_at_once(issuing: Issuing, style: str) -> None:
    caller = await issuing.caller()
    bearer = f"Bearer {caller.key}" if style == "authorization" else caller.key
    answer = await ask(caller.port, "GET", "/v1/models", b"", {style: bearer})
    assert answer.status == 200


async def test_a_revoked_key_opens_nothing_soon_after(issuing: Issuing) -> None:
    caller = await issuing.caller(name="revoked")
    await caller.get("/v1/models")
    await issuing.run("keys", "revoke", "revoked")
    await until(caller, 401)
    refused(await caller.ask("GET", "/v1/models"), 401, "api_key_revoked")


async def test_a_rotated_key_is_two_for_a_while(issuing: Issuing) -> None:
    old = await issuing.caller(name="rotated")
    session = await old.post("/v1/sessions", title="Kept")
    made = await issuing.run("keys", "rotate", "rotated", "--grace", "1h")
    new = type(old)(old.port, made["key"])
    for caller in (old, new):
        assert (await caller.get(f"/v1/sessions/{session['id']}"))["title"] == "Kept"
    await issuing.run("keys", "rotate", "rotated", "--grace", "0s")
    for caller in (old, new):
        await until(caller, 401)
        refused(await caller.ask("GET", "/v1/models"), 401, "api_key_replaced")


async def test_a_key_that_ends_opens_nothing_afterwards(issuing: Issuing) -> None:
    caller = await issuing.caller("--expires", "2s", name="short")
    await caller.get("/v1/models")
    await until(caller, 401)
    refused(await caller.ask("GET", "/v1/models"), 401, "api_key_expired")


async def test_a_disabled_user_opens_nothing_until_enabled(issuing: Issuing) -> None:
    await issuing.run("users", "create", "eve")
    caller = await issuing.caller("--user", "eve", name="eves")
    await caller.get("/v1/models")
    await issuing.run("users", "disable", "eve")
    await until(caller, 403)
    refused(await caller.ask("GET", "/v1/models"), 403, "user_disabled")
    await issuing.run("users", "enable", "eve")
    await until(caller, 200)


async def test_s9_two_keys_of_a_user_see_the_same_and_those_of_none_each_their_own(
    issuing: Issuing,
) -> None:
    await issuing.run("users", "create", "ada")
    phone = await issuing.caller("--user", "ada")
    laptop = await issuing.caller("--user", "ada")
    others = [await issuing.caller(), await issuing.caller()]
    session = await phone.post("/v1/sessions", title="Hers")
    assert (await laptop.get(f"/v1/sessions/{session['id']}"))["title"] == "Hers"
    assert (await laptop.get("/v1/sessions"))["total"] == 1
    for other in others:
        refused(await other.ask("GET", f"/v1/sessions/{session['id']}"), 404)
        assert (await other.get("/v1/sessions"))["total"] == 0


@pytest.mark.parametrize("spoil", ["a", "'", "%00", "\x7f", " OR 1=1"])
async def test_s1_a_key_that_is_nearly_right_is_wrong(issuing: Issuing, spoil: str) -> None:
    caller = await issuing.caller()
    for key in (caller.key + spoil, spoil + caller.key, caller.key[:-1] + spoil):
        answer = await type(caller)(caller.port, key).ask("GET", "/v1/models")
        assert answer.status in (400, 401), key
        assert caller.key.encode() not in answer.body


async def test_a_well_formed_key_that_nobody_issued_is_wrong(issuing: Issuing) -> None:
    caller = await issuing.caller()
    stranger = type(caller)(caller.port, new_secret().reveal())
    refused(await stranger.ask("GET", "/v1/models"), 401, "invalid_api_key")


async def test_when_a_key_was_last_used_is_known_when_the_gateway_has_stopped() -> None:
    async with GatewayProcess({"GATEWAY_AUTH": "required"}) as gateway:
        issuing = Issuing(gateway)
        caller = await issuing.caller()
        await caller.get("/v1/models")
        assert (await issuing.run("keys", "show", "phone"))["last_used_at"] is None
        await gateway.stop()
        assert (await issuing.run("keys", "show", "phone"))["last_used_at"] is not None


async def chunks_of(connection: Connection) -> bytes:
    """Read what is left of an answer in pieces."""
    pieces = [await connection.chunk()]
    while pieces[-1]:
        pieces.append(await connection.chunk())
    return b"".join(pieces)


async def test_a_turn_that_waited_while_its_key_was_revoked_is_not_begun() -> None:
    async with FakeAnthropic() as upstream:
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-x",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_AUTH": "required",
            "GATEWAY_HEARTBEAT": "0.1",
        }
        async with GatewayProcess(env) as gateway, Connection(gateway.port) as waiting:
            issuing = Issuing(gateway)
            await issuing.run("users", "create", "ada")
            phone = await issuing.caller("--user", "ada", name="phone")
            tablet = await issuing.caller("--user", "ada", name="tablet")
            upstream.script(Stream([Hang()]))
            asked = {"messages": [{"role": "user", "content": "?"}], "session_id": "one"}
            queued = {**asked, "stream": True, "if_busy": "queue"}
            first = asyncio.ensure_future(phone.ask("POST", CHAT, queued))
            await upstream.wait_turns(1)
            await waiting.send(request("POST", CHAT, queued, {"x-api-key": tablet.key}))
            await waiting.head()
            assert await waiting.chunk() == b": ping\n"
            await issuing.run("keys", "revoke", "tablet")
            await until(tablet, 401)
            await phone.ask("DELETE", f"{CHAT}/one")
            await first
            assert b"api_key_revoked" in await chunks_of(waiting)
            assert len(upstream.turns) == 1
            # The session is free again for whoever may use it.
            upstream.script(Stream(text_stream("Yes")))
            assert (await phone.ask("POST", CHAT, asked)).status == 200
