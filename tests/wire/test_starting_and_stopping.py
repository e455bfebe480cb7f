"""The command starts, refuses to start with one sentence, and stops without losing an answer."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

import pytest

from claude_gateway import __version__
from claude_gateway.testing import FakeAnthropic, GatewayDidNotStart, GatewayProcess, Hang, Stream
from claude_gateway.testing.raw import Connection, ask, chat_body, message_body, request
from claude_gateway.testing.wire import text_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
ANYWHERE = ("--host", "0.0.0.0", "--port", "0")


async def test_the_banner_says_where_it_listens_once(gateway: GatewayProcess) -> None:
    line = f"claude-gateway {__version__} listening on http://127.0.0.1:{gateway.port}"
    assert gateway.stdout.splitlines().count(line) == 1


async def test_a_running_stream_is_finished_after_sigterm(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    go = asyncio.Event()
    frames = text_stream("Hel", "lo")
    upstream.script(Stream([*frames[:4], go, *frames[4:]]))
    async with GatewayProcess(env) as gateway, Connection(gateway.port) as connection:
        await connection.send(request("POST", CHAT, chat_body(stream=True)))
        await connection.head()
        while b"Hel" not in await connection.chunk():
            pass
        gateway.process.terminate()
        await refuses_connections(gateway.port)
        go.set()
        rest = await chunks(connection)
        assert await gateway.wait(5) == 0
    assert b'"content":"lo"' in b"".join(rest)
    assert rest[-1].endswith(b"data: [DONE]\n\n")
    assert "Traceback" not in gateway.output()


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_a_stream_that_does_not_end_is_ended_and_told_so(
    env: dict[str, str], upstream: FakeAnthropic, path: str
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], Hang()]))
    async with (
        GatewayProcess(env | {"GATEWAY_SHUTDOWN_TIMEOUT": "0.5"}) as gateway,
        Connection(gateway.port) as connection,
    ):
        await connection.send(request("POST", path, message_body(stream=True)))
        await connection.head()
        while b"Hel" not in await connection.chunk():
            pass
        gateway.process.terminate()
        rest = await connection.rest()
        assert await gateway.wait(5) == 0
    assert b'finish_reason":"stop' not in rest
    assert b"message_stop" not in rest
    assert "Traceback" not in gateway.output()


async def test_idle_connections_do_not_delay_the_end(env: dict[str, str]) -> None:
    async with GatewayProcess(env) as gateway, Connection(gateway.port) as connection:
        await connection.send(request("GET", "/health"))
        assert (await connection.response()).status == 200
        gateway.process.terminate()
        assert await gateway.wait(3) == 0


async def test_without_any_key_it_starts_in_demo_mode() -> None:
    async with GatewayProcess() as gateway:
        response = await ask(gateway.port, "POST", CHAT, {"messages": chat_body()["messages"]})
        assert response.status == 200
        assert response.json["choices"][0]["message"]["content"]


async def test_a_port_in_use_stops_the_start(gateway: GatewayProcess, env: dict[str, str]) -> None:
    said = await failure(env, "--host", "127.0.0.1", "--port", str(gateway.port))
    assert str(gateway.port) in said


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ANTHROPIC_API_KEY": "CANARY-no-prefix"}, "ANTHROPIC_API_KEY"),
        ({"ANTHROPIC_API_KEY": "sk-ant-CANARY with blanks"}, "ANTHROPIC_API_KEY"),
        ({"GATEWAY_API_KEYS": "gw-CANARY\x7f"}, "GATEWAY_API_KEYS"),
        ({"PORT": "eighty"}, "PORT"),
        ({"GATEWAY_AUTH": "maybe"}, "GATEWAY_AUTH"),
        ({"GATEWAY_HEARTBEAT": "soon"}, "GATEWAY_HEARTBEAT"),
        ({"GATEWAY_DATA_DIR": "/dev/null/data"}, "/dev/null/data"),
        ({"ANTHROPIC_BASE_URL": "not a url"}, "ANTHROPIC_BASE_URL"),
        ({"GATEWAY_DEFAULT_MODEL": "sonett"}, "GATEWAY_DEFAULT_MODEL"),
    ],
)
async def test_a_wrong_setting_stops_the_start_and_is_named(
    env: dict[str, str], variables: dict[str, str], named: str
) -> None:
    said = await failure({"PORT": "0"} | env | variables, "--host", "127.0.0.1")
    assert named in said
    assert "CANARY" not in said


async def test_s10_an_open_address_without_keys_stops_the_start() -> None:
    assert "key" in await failure({}, *ANYWHERE)
    assert "GATEWAY_AUTH" in await failure({"GATEWAY_AUTH": "open"}, *ANYWHERE)


async def test_s10_an_open_address_with_a_key_is_fine() -> None:
    async with GatewayProcess({"GATEWAY_API_KEYS": "gw-secret"}, args=ANYWHERE) as gateway:
        assert (await ask(gateway.port, "GET", "/readiness")).status == 200


async def failure(env: dict[str, str], *args: str) -> str:
    """Return the one sentence with which the gateway refuses to start."""
    gateway = GatewayProcess(env, args=args)
    with pytest.raises(GatewayDidNotStart):
        async with gateway:
            pass
    assert gateway.exit_code not in {0, None}
    assert gateway.stdout == ""
    assert "Traceback" not in gateway.stderr
    [line] = gateway.stderr.splitlines()
    assert re.search(r"\w+ \w+", line)
    return line


async def refuses_connections(port: int) -> None:
    async with asyncio.timeout(2):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            except ConnectionError:  # it was still in the queue of the socket that went away
                continue
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def chunks(connection: Connection) -> list[bytes]:
    said = []
    while chunk := await connection.chunk():
        said.append(chunk)
    return said


async def test_the_start_loads_nothing_that_only_makes_a_terminal_pretty() -> None:
    async with GatewayProcess({"PYTHONPROFILEIMPORTTIME": "1", "LOG_FORMAT": "json"}) as gateway:
        loaded = re.findall(r"^import time:.*\| +(\S+)$", gateway.stderr, re.MULTILINE)
    assert "structlog.dev" in loaded
    assert not {"rich.console", "pygments", "anthropic", "mcp"} & set(loaded)
