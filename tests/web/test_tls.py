"""TLS that the gateway speaks itself: what is accepted, refused, and loaded again."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme

from claude_gateway import Settings
from claude_gateway.defaults import settings as names
from claude_gateway.errors import SettingsError
from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import chat_body, request
from claude_gateway.web import tls
from claude_gateway.web.hsts import HEADER

if TYPE_CHECKING:
    from tests.conftest import Scripted
    from tests.web.conftest import Run

STREAM = request("POST", "/v1/chat/completions", chat_body(model="m", stream=True))


@dataclass
class Papers:
    """An authority, and a certificate of its own in two files."""

    authority: trustme.CA
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "GATEWAY_TLS_CERT": str(self.folder / "gateway.pem"),
            "GATEWAY_TLS_KEY": str(self.folder / "gateway.key"),
        }

    def issue(self, *names: str) -> None:
        """Write a new certificate over the one that is there."""
        issued = self.authority.issue_cert(*(names or ("localhost", "127.0.0.1", "box.local")))
        certificate, key = (Path(path) for path in self.environment.values())
        key.touch(0o600)
        certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())

    def trust(self, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        context.maximum_version = newest
        return context

    def load(self, **environment: str) -> ssl.SSLContext:
        files = tls.wanted(Settings.read(self.environment | environment, names.ALL))
        assert files is not None
        return tls.load(files)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def papers(authority: trustme.CA, tmp_path: Path) -> Papers:
    found = Papers(authority, tmp_path)
    found.issue()
    return found


async def serial(port: int, context: ssl.SSLContext) -> str:
    """Shake hands, and return the number of the certificate that was shown."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown: Mapping[str, str] = writer.get_extra_info("ssl_object").getpeercert()
    writer.close()
    await writer.wait_closed()
    return shown["serialNumber"]


@asynccontextmanager
async def getting(
    url: str, context: ssl.SSLContext, **headers: str
) -> AsyncGenerator[aiohttp.ClientResponse]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as client,
        client.get(url, headers=headers) as response,
    ):
        yield response


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


async def test_without_a_certificate_it_speaks_plain_http_and_promises_nothing(
    run: Run, scripted: type[Scripted]
) -> None:
    async with run(scripted()) as running:
        answer = await running.ask("GET", "/health")
    assert answer.status == 200
    assert answer.header(HEADER) is None


async def test_a_real_gateway_says_https_and_answers_python_and_curl(papers: Papers) -> None:
    async with GatewayProcess(papers.environment, trust=papers.trust()) as gateway:
        assert gateway.url == f"https://127.0.0.1:{gateway.port}"
        assert f"curl -N https://127.0.0.1:{gateway.port}/v1/chat/completions" in gateway.stdout
        async with getting(f"{gateway.url}/health", papers.trust()) as response:
            assert response.status == 200
        bundle = papers.folder / "authority.pem"
        papers.authority.cert_pem.write_to_path(str(bundle))
        done = await asyncio.to_thread(
            subprocess.run,
            ["curl", "-sSv", "--http1.1", "--cacert", str(bundle), f"{gateway.url}/readiness"],
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == '{"ready":true}'
    assert "TLSv1.3" in done.stderr
    assert gateway.exit_code == 0


async def test_tls_1_2_is_refused_and_so_is_plain_http_and_no_log_line_is_lost_on_them(
    papers: Papers,
) -> None:
    async with GatewayProcess(papers.environment, trust=papers.trust()) as gateway:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await serial(gateway.port, papers.trust(ssl.TLSVersion.TLSv1_2))
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request("GET", "/health"))
        assert b"HTTP" not in await reader.read()
        writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):  # a stranger's certificate
            await serial(gateway.port, ssl.create_default_context())
        assert await serial(gateway.port, papers.trust())
    assert "Traceback" not in gateway.stderr
    assert "error" not in gateway.stderr


async def test_tls_1_2_can_be_allowed_and_then_has_forward_secrecy(
    papers: Papers, run: Run, scripted: type[Scripted]
) -> None:
    async with run(scripted(), GATEWAY_TLS_MINIMUM="1.2", **papers.environment) as running:
        old = papers.trust(ssl.TLSVersion.TLSv1_2)
        _, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=old)
        connected = writer.get_extra_info("ssl_object")
        assert connected.version() == "TLSv1.2"
        assert connected.cipher()[0].startswith("ECDHE-")
        writer.close()
        await writer.wait_closed()
        weak = papers.trust(ssl.TLSVersion.TLSv1_2)
        weak.set_ciphers("AES256-GCM-SHA384")  # the key of the session travels
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await serial(running.port, weak)
        assert await serial(running.port, papers.trust())


@pytest.mark.parametrize("how", ["signal", "files"])
async def test_a_stream_goes_on_over_a_new_certificate_that_new_connections_get(
    papers: Papers, run: Run, scripted: type[Scripted], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_EVERY", 0.02 if how == "files" else 3600)
    go = asyncio.Event()
    script = scripted.saying("Hel", "lo")
    fake = scripted([*script[:3], go, *script[3:]])
    async with run(fake, **papers.environment) as running:
        before = await serial(running.port, papers.trust())
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=papers.trust()
        )
        writer.write(STREAM)
        told = await reader.readuntil(b"Hel")
        papers.issue()
        if how == "signal":
            os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(5):
            while (after := await serial(running.port, papers.trust())) == before:
                await asyncio.sleep(0.01)
        go.set()
        told += await reader.readuntil(b"data: [DONE]\n\n")
        writer.close()
    assert b"HTTP/1.1 200" in told
    assert b'"lo"' in told
    assert after != before


BROKEN: dict[str, Callable[[Papers], object]] = {
    "of another pair": lambda papers: (papers.folder / "gateway.key").write_bytes(
        papers.authority.issue_cert("localhost").private_key_pem.bytes()
    ),
    "half written": lambda papers: (papers.folder / "gateway.pem").write_bytes(
        (papers.folder / "gateway.pem").read_bytes()[:300]
    ),
    "empty": lambda papers: (papers.folder / "gateway.key").write_bytes(b""),
    "gone": lambda papers: (papers.folder / "gateway.pem").unlink(),
    "open to others": lambda papers: (papers.folder / "gateway.key").chmod(0o644),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_new_file_that_cannot_be_used_leaves_the_old_certificate_and_is_told_once(
    papers: Papers,
    run: Run,
    scripted: type[Scripted],
    broken: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with run(scripted(), **papers.environment) as running:
        before = await serial(running.port, papers.trust())
        BROKEN[broken](papers)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: bool(complaints(caplog)))
        assert await serial(running.port, papers.trust()) == before
        papers.issue()
        (papers.folder / "gateway.key").chmod(0o600)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: "a new certificate is used" in caplog.messages)
        assert await serial(running.port, papers.trust()) != before
    (complaint,) = complaints(caplog)
    assert str(papers.folder) in complaint
    assert "GATEWAY_TLS_" in complaint


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(vars(r)["reason"]) for r in caplog.records if r.levelno == logging.ERROR]


async def test_a_certificate_that_is_broken_for_long_is_told_of_once(
    papers: Papers,
    run: Run,
    scripted: type[Scripted],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(tls, "LOOK_EVERY", 0.005)
    async with run(scripted(), **papers.environment):
        looks = 0
        stamp = tls.Files.stamp

        def counted(self: tls.Files) -> tls.Stamp:
            nonlocal looks
            looks += 1
            return stamp(self)

        (papers.folder / "gateway.pem").unlink()
        await until(lambda: bool(complaints(caplog)))
        monkeypatch.setattr(tls.Files, "stamp", counted)
        await until(lambda: looks > 10)
    assert len(complaints(caplog)) == 1


async def test_s5_browsers_are_told_to_come_back_by_tls_only_but_never_for_this_very_machine(
    papers: Papers, run: Run, scripted: type[Scripted]
) -> None:
    environment = {**papers.environment, "GATEWAY_ALLOWED_HOSTS": "box.local"}
    async with run(scripted(), GATEWAY_HSTS_SECONDS="600", **environment) as running:
        url, trust = f"https://127.0.0.1:{running.port}", papers.trust()
        for path, status in (("/health", 200), ("/v1", 401), ("/nowhere", 401)):
            async with getting(url + path, trust, host="box.local") as response:
                assert (response.status, response.headers[HEADER]) == (status, "max-age=600")
        async with getting(f"{url}/health", trust) as response:
            assert HEADER not in response.headers


async def test_t24_a_client_that_leaves_over_tls_stops_the_backend_at_once(
    papers: Papers, run: Run, scripted: type[Scripted]
) -> None:
    fake = scripted([*scripted.saying("Hel")[:3], asyncio.Event()])
    async with run(fake, **papers.environment) as running:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=papers.trust()
        )
        writer.write(STREAM)
        await reader.readuntil(b"Hel")
        writer.transport.abort()
        async with asyncio.timeout(1):
            await fake.closed.wait()


async def test_a_running_answer_over_tls_is_finished_after_the_signal(
    papers: Papers, run: Run, scripted: type[Scripted]
) -> None:
    go = asyncio.Event()
    script = scripted.saying("Hel", "lo")
    async with run(scripted([*script[:3], go, *script[3:]]), **papers.environment) as running:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=papers.trust()
        )
        writer.write(STREAM)
        await reader.readuntil(b"Hel")
        running.terminate()
        await until(lambda: running.gateway.draining)
        go.set()
        assert (await reader.read()).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        writer.close()
        await running.stopped()


async def test_a_handshake_that_does_not_come_is_not_waited_for_for_ever(
    papers: Papers, run: Run, scripted: type[Scripted]
) -> None:
    async with run(scripted(), GATEWAY_HEADER_TIMEOUT="0.2", **papers.environment) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


def test_what_is_right_is_loaded(papers: Papers) -> None:
    assert papers.load().minimum_version is ssl.TLSVersion.TLSv1_3
    assert papers.load(GATEWAY_TLS_MINIMUM="1.2").minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("given", "missing"),
    [("GATEWAY_TLS_CERT", "GATEWAY_TLS_KEY"), ("GATEWAY_TLS_KEY", "GATEWAY_TLS_CERT")],
)
def test_half_of_a_pair_is_refused(papers: Papers, given: str, missing: str) -> None:
    settings = Settings.read({given: papers.environment[given]}, names.ALL)
    with pytest.raises(SettingsError, match=f"{missing}: is needed as well as {given}"):
        tls.wanted(settings)


def passphrase(papers: Papers) -> None:
    key, locked = papers.folder / "gateway.key", papers.folder / "locked.key"
    lock = f"openssl pkey -in {key} -aes256 -passout pass:CANARY -out {locked}".split()
    subprocess.run(lock, check=True)
    locked.replace(key)


def folder(papers: Papers) -> None:
    (papers.folder / "gateway.key").unlink()
    (papers.folder / "gateway.key").mkdir()


MISTAKES: dict[str, tuple[Callable[[Papers], object], str]] = {
    "another pair": (
        BROKEN["of another pair"],
        r"GATEWAY_TLS_KEY: \S+gateway.key is not the key of the certificate \S+gateway.pem$",
    ),
    "no certificate": (BROKEN["gone"], r"GATEWAY_TLS_CERT: \S+ cannot be read \(No such file"),
    "no key": (
        lambda papers: (papers.folder / "gateway.key").unlink(),
        r"GATEWAY_TLS_KEY: \S+ cannot be read \(No such file",
    ),
    "a folder": (
        folder,
        r"GATEWAY_TLS_KEY: \S+ is not a file",
    ),
    "an empty key": (BROKEN["empty"], r"GATEWAY_TLS_KEY: \S+ holds no private key in PEM"),
    "no PEM": (
        lambda papers: (papers.folder / "gateway.pem").write_bytes(b"\x30\x82"),
        r"GATEWAY_TLS_CERT: \S+ holds no certificate in PEM",
    ),
    "half of it": (
        BROKEN["half written"],
        r"GATEWAY_TLS_CERT, GATEWAY_TLS_KEY: \S+ and \S+ cannot be used \(one of them is damaged",
    ),
    "open to a group": (
        lambda papers: (papers.folder / "gateway.key").chmod(0o660),
        r"GATEWAY_TLS_KEY: \S+ is open to others \(mode 0660\): chmod 6[04]0 \S+gateway.key$",
    ),
    "open to all": (
        lambda papers: (papers.folder / "gateway.key").chmod(0o604),
        r"GATEWAY_TLS_KEY: \S+ is open to others \(mode 0604\): chmod",
    ),
    "a passphrase": (passphrase, r"GATEWAY_TLS_KEY: \S+ has a passphrase; write the key"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_files_that_cannot_be_used_are_told_by_setting_and_path(
    papers: Papers, mistake: str
) -> None:
    spoil, why = MISTAKES[mistake]
    spoil(papers)
    with pytest.raises(SettingsError, match=why) as caught:
        papers.load()
    assert "CANARY" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_key_of_roots_may_be_for_a_group_and_one_of_somebody_else_may_not(papers: Papers) -> None:
    key = papers.folder / "gateway.key"
    key.chmod(0o640)
    assert papers.load().cert_store_stats()["x509"] == 0
    os.chown(key, 1000, 1000)
    with pytest.raises(SettingsError, match="is open to others"):
        papers.load()


@pytest.mark.parametrize("by", ["options of serve", "settings of check-config"])
async def test_a_mistake_stops_the_start_with_a_sentence(papers: Papers, by: str) -> None:
    BROKEN["of another pair"](papers)
    certificate, key = papers.environment.values()
    if by == "options of serve":
        arguments = ["serve", "--port", "0", "--tls-cert", certificate, "--tls-key", key]
        done = await command(arguments, papers.folder, {})
    else:
        done = await command(["check-config"], papers.folder, papers.environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("claude-gateway: GATEWAY_TLS_KEY: ")
    assert "is not the key of the certificate" in done.stderr
    assert "Traceback" not in done.stderr


async def command(
    arguments: list[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "claude_gateway", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
    )
