"""What the plugin offers, and how the gateway tells of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from claude_gateway_sqlite import SQLITE_SYNCHRONOUS, plugin
from claude_gateway_sqlite.health import DatabaseCheck
from claude_gateway_sqlite.opening import for_writing
from claude_gateway_sqlite.store import open_store

from claude_gateway import GATEWAY_DATA_DIR, GATEWAY_STORE, Settings, Store
from claude_gateway.testing import GatewayDidNotStart, GatewayProcess
from claude_gateway.testing.stores.samples import ADA, session


def settings(folder: Path, **environment: str) -> Settings:
    known = [GATEWAY_DATA_DIR, GATEWAY_STORE, SQLITE_SYNCHRONOUS]
    return Settings.read({"GATEWAY_DATA_DIR": str(folder), **environment}, known)


async def test_the_store_is_opened_in_the_data_folder(tmp_path: Path) -> None:
    (offer,) = plugin.register_stores(settings(tmp_path))
    assert offer.name == "sqlite"
    assert list(tmp_path.iterdir()) == []
    async with offer.open() as store:
        kept: Store = store
        await kept.create_session(session())
    assert (tmp_path / "gateway.db").exists()


@pytest.mark.parametrize(
    ("raw", "value"), [("answers", "answers"), ("full", "full"), ("NORMAL", "normal")]
)
def test_how_long_a_write_waits_is_a_setting(tmp_path: Path, raw: str, value: str) -> None:
    assert settings(tmp_path, SQLITE_SYNCHRONOUS=raw)[SQLITE_SYNCHRONOUS] == value
    with pytest.raises(
        Exception, match="SQLITE_SYNCHRONOUS: wants answers, full or normal, not 'off'"
    ):
        settings(tmp_path, SQLITE_SYNCHRONOUS="off")


@pytest.mark.parametrize(
    ("store", "names"), [("auto", ["database"]), ("sqlite", ["database"]), ("none", [])]
)
def test_health_is_only_told_of_a_store_that_is_used(
    tmp_path: Path, store: str, names: list[str]
) -> None:
    offers = plugin.register_health_checks(settings(tmp_path, GATEWAY_STORE=store))
    assert [offer.name for offer in offers] == names


async def test_health_writes_and_says_how_large_it_is(tmp_path: Path) -> None:
    async with (
        open_store(tmp_path) as store,
        DatabaseCheck.opened(tmp_path / "gateway.db") as check,
    ):
        health = await check.check()
        assert health.ok, health.detail
        assert "MB, log" in health.detail
        await store.create_session(session())
        assert (await check.check()).ok
        assert (await store.get_session(ADA, "s")).id == "s"


async def test_health_is_bad_while_nobody_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claude_gateway_sqlite.health.BUSY_SECONDS", 0.05)
    async with (
        open_store(tmp_path),
        DatabaseCheck.opened(tmp_path / "gateway.db") as check,
    ):
        with closing(for_writing(tmp_path / "gateway.db", "full")) as other:
            other.execute("BEGIN IMMEDIATE")
            health = await check.check()
            assert (health.ok, health.detail) == (
                False,
                "it cannot be written to: database is locked",
            )
            other.execute("ROLLBACK")
        assert (await check.check()).ok


async def test_a_gateway_with_the_store_is_healthy_and_one_without_it_serves_as_well() -> None:
    for store, there in (("auto", True), ("none", False)):
        async with (
            GatewayProcess({"GATEWAY_STORE": store}) as gateway,
            aiohttp.ClientSession() as client,
        ):
            async with client.get(f"{gateway.url}/health") as response:
                told = await response.json()
            assert response.status == 200, told
            assert told["checks"]["database"] is True
            assert (gateway.folder / "data" / "gateway.db").exists() is there


async def test_a_database_that_cannot_be_used_stops_the_start_in_one_sentence(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "gateway.db").touch(mode=0o600)
    with closing(sqlite3.connect(data / "gateway.db")) as db:
        db.execute("PRAGMA user_version = 99")
        db.execute("PRAGMA application_id = 1128757041")
    with pytest.raises(GatewayDidNotStart) as printed:
        async with GatewayProcess({"GATEWAY_DATA_DIR": str(data)}):
            pytest.fail("it started")
    (said,) = str(printed.value).strip().splitlines()
    assert "newer version of claude-gateway-sqlite" in said
    assert "GATEWAY_PLUGINS_BLOCK=sqlite" in said
