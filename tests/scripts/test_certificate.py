"""`scripts/certificate`: what it makes is what a phone accepts."""

from __future__ import annotations

import re
import shutil
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from claude_gateway.testing import GatewayProcess
from tests.scripts.running import ROOT, run, script


async def made(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    done = await script("certificate", "--folder", str(folder), *names, HOME=str(folder))
    assert done.returncode == 0, done.stderr
    return done


async def shown(file: Path) -> str:
    done = await run("openssl", "x509", "-in", str(file), "-noout", "-text")
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_it_has_what_apple_asks_of_a_certificate(tmp_path: Path) -> None:
    await made(tmp_path, "box.local", "192.168.1.20", "fd00::1")
    text = await shown(tmp_path / "gateway.pem")
    assert "DNS:box.local, IP Address:192.168.1.20, IP Address:FD00:0:0:0:0:0:0:1" in text
    assert "TLS Web Server Authentication" in text
    assert "ecdsa-with-SHA256" in text
    assert "Public-Key: (256 bit)" in text
    first, last = (
        datetime.strptime(moment, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
        for moment in re.findall(r"Not (?:Before|After ?): (.+)", text)
    )
    assert timedelta(days=300) < last - first < timedelta(days=825)


async def test_a_gateway_with_it_is_believed_by_its_address_and_name(tmp_path: Path) -> None:
    done = await made(tmp_path)
    environment = dict(re.findall(r"^  (GATEWAY_TLS_\w+)=(.+)$", done.stdout, re.MULTILINE))
    trust = ssl.create_default_context(cafile=tmp_path / "authority.pem")
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    async with GatewayProcess(environment, trust=trust) as gateway:
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as client:
            for name in ("127.0.0.1", "localhost"):
                async with client.get(f"https://{name}:{gateway.port}/health") as response:
                    assert response.status == 200


async def test_made_again_it_keeps_the_authority_that_phones_know(tmp_path: Path) -> None:
    await made(tmp_path)
    before = [(tmp_path / name).read_bytes() for name in ("authority.pem", "gateway.pem")]
    await made(tmp_path, "box.lan")
    after = [(tmp_path / name).read_bytes() for name in ("authority.pem", "gateway.pem")]
    assert before[0] == after[0]
    assert before[1] != after[1]
    assert "DNS:box.lan" in await shown(tmp_path / "gateway.pem")


async def test_its_keys_are_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    await made(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {
        "authority.key",
        "authority.pem",
        "gateway.key",
        "gateway.pem",
    }
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("argument", ["--force", "two words", "a,DNS:evil.example", "-x"])
async def test_what_is_no_name_is_refused_and_nothing_is_made(
    tmp_path: Path, argument: str
) -> None:
    folder = tmp_path / "new"
    done = await script("certificate", "--folder", str(folder), argument, HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert not folder.exists()


async def test_it_explains_itself_and_what_it_needs(tmp_path: Path) -> None:
    helped = await script("certificate", "--help", HOME=str(tmp_path))
    assert helped.stdout.startswith("Usage: scripts/certificate ")
    bare = tmp_path / "bin"
    bare.mkdir()
    for program in ("bash", "cat"):
        (bare / program).symlink_to(str(shutil.which(program)))
    without = await script("certificate", HOME=str(tmp_path), PATH=str(bare))
    assert without.returncode == 3
    assert "apt-get install openssl" in without.stderr
    assert "scripts/certificate" in (ROOT / "docs/security.md").read_text("utf-8")
