"""What is the gateway's is closed to others, what is the operator's is told."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from claude_gateway.cli.private_files import close_to_others
from claude_gateway.testing import GatewayProcess


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(vars(r)["cure"]) for r in caplog.records if r.levelno == logging.WARNING]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "tokens").mkdir(parents=True)
    folder.chmod(0o700)
    for name in ("gateway.db", "gateway.db-wal", "encryption.key", "tokens/key", "mcp.json"):
        (folder / name).touch()
        (folder / name).chmod(0o644)
    (tmp_path / ".env").touch(0o600)
    return folder


def test_the_gateways_own_files_are_closed_and_the_operators_only_told(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = data.parent / ".env"
    env.chmod(0o640)
    close_to_others(data, env)
    own = ("gateway.db", "gateway.db-wal", "encryption.key", "tokens/key")
    assert {mode(data / name) for name in own} == {0o600}
    assert (mode(data / "mcp.json"), mode(env)) == (0o644, 0o640)
    assert warned(caplog) == [f"chmod 600 {data / 'mcp.json'}", f"chmod 600 {env}"]


def test_what_is_closed_is_not_spoken_of(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    (data / "mcp.json").chmod(0o600)
    caplog.set_level(logging.INFO)
    close_to_others(data, data.parent / ".env")
    caplog.clear()
    close_to_others(data, data.parent / ".env")
    close_to_others(data, data.parent / "no.env")
    assert caplog.records == []


def test_a_folder_that_is_open_is_told_unless_it_is_meant_for_all(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (data / "mcp.json").unlink()
    data.chmod(0o1777)
    close_to_others(data, data.parent / ".env")
    assert warned(caplog) == []
    data.chmod(0o755)
    close_to_others(data, data.parent / ".env")
    assert warned(caplog) == [f"chmod 700 {data}"]


def test_s6_a_link_is_not_followed(data: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch()
    outside.chmod(0o644)
    (data / "gateway.db-shm").symlink_to(outside)
    close_to_others(data, tmp_path / ".env")
    assert mode(outside) == 0o644


async def test_whatever_the_umask_nothing_that_a_gateway_keeps_is_open(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with GatewayProcess({"GATEWAY_ENCRYPT_CONTENT": "true"}) as gateway:
            folder = gateway.folder / "data"
            kept = [folder, *folder.rglob("*")]
            assert {path.name for path in kept} >= {
                "gateway.db",
                "gateway.db-wal",
                "encryption.key",
            }
            assert [path for path in kept if mode(path) & 0o077] == []
    finally:
        os.umask(before)
