"""The search for secrets finds one, wherever it comes out; else it would find nothing for ever."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canaries import PLANTED, Search, planted, secrets_in, spellings

ROOT = Path(__file__).resolve().parent.parent
KEY = "sk-ant-api03-CANARY-4d81c0e7/planted+leak"
LEAKY = """
    import base64, logging, os
    from pathlib import Path

    class Plugin:
        @hookimpl
        def register_settings(self):
            {leak}
            return []

    plugin = Plugin()
    KEY, DATA = os.environ["ANTHROPIC_API_KEY"], Path(os.environ["GATEWAY_DATA_DIR"])
"""
TEST = """
from pathlib import Path
from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from tests.conftest import Site

async def test_it(tmp_path):
    Site(tmp_path).install("leaky", {leaky!r})
    async with GatewayProcess({{"PYTHONPATH": str(tmp_path), "ANTHROPIC_API_KEY": {key!r}}}) as gateway:
        assert (await ask(gateway.port, "GET", "/health")).status == 200
"""
# Each is a way around the redaction of the log, or around the log.
LEAKS = {
    "nothing": "pass",
    "a piece of it in the log": "logging.warning('it begins with %s', KEY[13:27])",
    "in base64 on standard output": "print(base64.b64encode(b'user:' + KEY.encode()).decode())",
    "in a file": "DATA.mkdir(parents=True); (DATA / 'x.bin').write_bytes(b'..' + KEY.encode())",
}


@pytest.mark.parametrize("how", LEAKS)
async def test_s11_a_leak_of_a_real_process_fails_the_test_that_started_it(
    tmp_path: Path, how: str
) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode=auto\nasyncio_default_fixture_loop_scope=function\n"
    )
    test = tmp_path / "test_leak.py"
    test.write_text(TEST.format(leaky=LEAKY.format(leak=LEAKS[how]), key=KEY))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "tests.watching", "-p", "no:cacheprovider"),
        str(test),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    told = (await child.communicate())[0].decode()
    if how == "nothing":
        assert child.returncode == 0, told
    else:
        assert child.returncode == 1, told
        assert "tests.watching.Leak" in told


@pytest.mark.parametrize(
    "shown",
    [
        KEY,
        KEY[13:25],
        KEY[-12:],
        quote(KEY, safe=""),
        KEY.encode().hex(),
        base64.b64encode(KEY.encode()).decode(),
        base64.urlsafe_b64encode(b"a:" + KEY.encode()).decode(),
        base64.b64encode(b"user:" + KEY.encode()).decode(),
    ],
)
def test_s11_a_secret_is_found_in_every_form(shown: str) -> None:
    assert Search.of([KEY]).found(f"before {shown} behind".encode())


@pytest.mark.parametrize(
    "shown", ["sk-ant-***", "***", "sk-ant-api03-", "CANARY", "", "CANARY-4d81"]
)
def test_what_may_be_shown_is_not_found(shown: str) -> None:
    assert not Search.of([KEY]).found(f"before {shown} behind".encode())


def test_s11_a_key_that_the_gateway_issued_is_found_by_its_looks() -> None:
    key = f"cg-{'a1' * 24}b"
    assert Search.of([]).found(f"x {key}".encode()) == [key]
    assert not Search.of([]).found(f"x {key[:9]}…".encode())


def test_secrets_are_what_variables_with_telling_names_hold(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(
        '{"mcpServers":{"a":{"env":{"TOKEN":"CANARY-of-a-program","HOME":"/home/nobody"}},'
        '"b":{"headers":{"Authorization":"Bearer CANARY-of-a-header"}}}}'
    )
    found = secrets_in(
        {
            "ANTHROPIC_API_KEYS": "sk-ant-CANARY-one-1,sk-ant-CANARY-two-2",
            "GATEWAY_TLS_KEY": "/path/to/a/key.pem",
            "GATEWAY_WRONG_KEYS": "30000000000000",
            "SENTRY_DSN": "https://CANARYpublic@sentry.example.org/1",
            "SMALL_KEY": "k",
            "GATEWAY_MCP_CONFIG": str(file),
        }
    )
    assert found == {
        *("sk-ant-CANARY-one-1", "sk-ant-CANARY-two-2", "CANARYpublic"),
        *("CANARY-of-a-program", "Bearer CANARY-of-a-header"),
    }


def test_every_process_has_canaries_and_what_a_test_says_wins() -> None:
    found = planted({"ANTHROPIC_BASE_URL": "http://localhost:1", "DATABASE_URL": "mine"})
    assert found["AWS_SECRET_ACCESS_KEY"] == PLANTED["AWS_SECRET_ACCESS_KEY"]
    assert found["DATABASE_URL"] == "mine"
    assert "ANTHROPIC_AUTH_TOKEN" in found
    assert len(secrets_in(PLANTED)) == len(PLANTED)
    assert all(len(piece) >= 10 for secret in secrets_in(PLANTED) for piece in spellings(secret))
