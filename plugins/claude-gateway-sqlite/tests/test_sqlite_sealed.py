"""What is said, encrypted: nothing of it is in the file, nothing can be swapped, no key no start."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from claude_gateway_sqlite import keyring
from claude_gateway_sqlite.commands import DATABASE
from claude_gateway_sqlite.copies import back_up, bring_back, verify
from claude_gateway_sqlite.resealing import reseal
from claude_gateway_sqlite.sealed import open_sealed
from claude_gateway_sqlite.sealing import Sealer, where
from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway import (
    AskedCall,
    AuditEntry,
    AuditFilter,
    Events,
    InternalError,
    InvalidRequest,
    Message,
    Page,
    PluginError,
    RunEnd,
    RunRecord,
    Secret,
    Session,
    SessionFilter,
    ToolExecution,
    TurnStart,
)
from claude_gateway.testing import GatewayDidNotStart, GatewayProcess

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
ADA, CANARY = "ada", "CANARY"
SAID = f'"{CANARY}"'.encode()
RUN = RunRecord("run_1", ADA, "openai", "m", 1000.0, "s")
CALL = AskedCall("c", "srv", "tool", "srv__tool", SAID, "d", "ask", 2e9)


def session(name: str = "s") -> Session:
    return Session(
        *(name, ADA, "p", "m", 1000.0, 1000.0, CANARY, CANARY),
        metadata={"note": CANARY, "big": 10**30},
        system=SAID,
        tools=SAID,
    )


def message(name: str) -> Message:
    return Message(name, "user", SAID, 1000.0, CANARY, metadata={"note": CANARY})


async def fill(store: SqliteStore) -> None:
    """Say the word everywhere."""
    start = TurnStart(RUN, session(), new_session=True, messages=[message("m1")])
    await store.begin_turn(start)
    await store.append_events([Events("run_1", 1, 2, b"data: " + SAID * 300)])
    await store.add_tool_executions(
        ADA,
        [ToolExecution("e", "s", "tool", 1.0, None, "mcp", "srv", SAID, SAID, "failed", CANARY)],
    )
    run = replace(RUN, status="awaiting_approval", approvals=(CALL,), last_event=2)
    await store.park_run(run, SAID * 300)
    ended = replace(run, status="completed", reply=SAID, ended_at=2.0)
    other = replace(RUN, id="run_2", session_id=None)
    await store.begin_turn(TurnStart(other))
    await store.end_run(RunEnd(replace(ended, id="run_2", session_id=None)))
    entry = AuditEntry(ADA, 1.0, "srv", "tool", "completed", 1, "d", 1, "call", arguments=SAID)
    await store.add_audit([entry])


async def check(store: SqliteStore) -> None:
    """See that all of it can be read."""
    found, said = await store.history(ADA, "s")
    assert (found.title, found.system_prompt, found.system, found.tools) == (
        *(CANARY, CANARY, SAID, SAID),
    )
    assert found.metadata == {"note": CANARY, "big": 10**30}
    assert [(m.content, m.text, m.metadata) for m in said] == [(SAID, CANARY, {"note": CANARY})]
    (chunk,) = await store.read_events(ADA, "run_1")
    assert chunk.frames == b"data: " + SAID * 300
    (done,) = (await store.list_tool_executions(ADA, "s", Page())).items
    assert (done.input_params, done.output, done.error_message) == (SAID, SAID, CANARY)
    assert (await store.get_run(ADA, "run_1")).approvals == (CALL,)
    assert await store.parked_state(ADA, "run_1") == SAID * 300
    assert (await store.get_run(ADA, "run_2")).reply == SAID
    (entry,) = await store.read_audit(ADA, AuditFilter(), 5)
    assert entry.arguments == SAID


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(f"{DATABASE}*"))


async def test_nothing_that_is_said_is_in_any_file_and_all_of_it_can_be_read(
    tmp_path: Path,
) -> None:
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        await fill(store)
        await check(store)
        assert CANARY.encode() not in bytes_of(tmp_path)
    assert CANARY.encode() not in bytes_of(tmp_path)
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        await check(store)


async def test_what_is_plain_is_found_in_a_file_that_is_not_encrypted(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store)
        await check(store)
    assert CANARY.encode() in bytes_of(tmp_path)


async def test_a_search_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        await fill(store)
        with pytest.raises(InvalidRequest, match="GATEWAY_ENCRYPT_CONTENT") as caught:
            await store.list_sessions(ADA, Page(), SessionFilter(query=CANARY))
        assert (caught.value.param, caught.value.code) == ("q", "search_unavailable")
        assert (await store.list_sessions(ADA, Page(), SessionFilter(query="  "))).total == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE messages SET content = (SELECT content FROM messages WHERE id = 'm2') WHERE id = 'm1'",
        "UPDATE messages SET content = (SELECT system FROM session_texts) WHERE id = 'm1'",
        "UPDATE messages SET content = substr(content, 1, length(content) - 1) WHERE id = 'm1'",
        "UPDATE messages SET content = substr(content, 1, 12) WHERE id = 'm1'",
        "UPDATE sessions SET owner = 'eve'",
        "UPDATE messages SET text = char(1) || 'AQ=='",
    ],
)
async def test_s8_rows_that_were_swapped_or_changed_are_refused(
    tmp_path: Path, statement: str
) -> None:
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        await store.begin_turn(
            TurnStart(RUN, session(), new_session=True, messages=[message("m1"), message("m2")])
        )
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute(statement)
        connection.commit()
    owner = "eve" if "eve" in statement else ADA
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        with pytest.raises(InternalError) as caught:
            await store.history(owner, "s")
    assert caught.value.code == "cannot_decrypt"


async def test_texts_that_do_not_change_are_not_written_again(tmp_path: Path) -> None:
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        await store.create_session(session())
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        found = await store.get_session(ADA, "s")
        before = texts(tmp_path)
        await store.begin_turn(TurnStart(RUN, found, messages=[message("m1")], seen=None))
        assert texts(tmp_path) == before
        changed = replace(found, system=b'"other"')
        again = replace(RUN, id="run_2")
        await store.begin_turn(TurnStart(again, changed, messages=[message("m2")], expected=1))
        assert [a == b for a, b in zip(texts(tmp_path), before, strict=True)] == [
            *(True, True, False, True)
        ]


def texts(folder: Path) -> list[Any]:
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        row = connection.execute("SELECT system_prompt, metadata, system, tools FROM session_texts")
        return list(row.fetchone())


async def test_what_was_plain_before_is_read_and_can_be_encrypted(tmp_path: Path) -> None:
    async with open_store(tmp_path) as plain:
        await fill(plain)
        found = await plain.list_sessions(ADA, Page(), SessionFilter(query=CANARY))
        assert found.total == 1
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        await check(store)
    assert CANARY.encode() in bytes_of(tmp_path)
    assert reseal(tmp_path / DATABASE, Sealer([OLD])) == 9
    assert CANARY.encode() not in bytes_of(tmp_path)
    assert CANARY.lower().encode() not in bytes_of(tmp_path)  # as the index has it
    assert reseal(tmp_path / DATABASE, Sealer([OLD])) == 0
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        await check(store)


async def test_a_new_key_encrypts_and_the_old_one_is_needed_until_all_is_encrypted_anew(
    tmp_path: Path,
) -> None:
    database = tmp_path / DATABASE
    async with open_sealed(tmp_path, Sealer([OLD])) as store:
        await fill(store)
    async with open_sealed(tmp_path, Sealer([NEW, OLD])) as store:
        await check(store)
        await store.add_messages(ADA, "s", [message("m2")])
    with pytest.raises(PluginError, match="GATEWAY_ENCRYPTION_KEY"):
        keyring.sealer_of(tmp_path, database, Secret(NEW.hex()))
    assert reseal(database, Sealer([NEW, OLD])) == 9
    sealer = keyring.sealer_of(tmp_path, database, Secret(NEW.hex()))
    async with open_sealed(tmp_path, sealer) as store:
        assert [m.text for m in (await store.history(ADA, "s"))[1]] == [CANARY, CANARY]


async def test_a_copy_is_as_encrypted_and_can_be_brought_back(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy.db"
    async with open_sealed(folder, Sealer([OLD])) as store:
        await fill(store)
        await asyncio.to_thread(back_up, folder / DATABASE, copy)
    assert CANARY.encode() not in copy.read_bytes()
    assert OLD not in copy.read_bytes()
    assert (await asyncio.to_thread(verify, copy))["messages"] == 1
    await asyncio.to_thread(bring_back, copy, folder / DATABASE)
    async with open_sealed(folder, Sealer([OLD])) as store:
        await check(store)


async def test_without_its_key_or_the_setting_an_encrypted_database_does_not_open(
    tmp_path: Path,
) -> None:
    database = tmp_path / DATABASE
    made = keyring.sealer_of(tmp_path, database, Secret(""))
    key = tmp_path / keyring.KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    async with open_sealed(tmp_path, made) as store:
        await fill(store)
    with pytest.raises(PluginError, match="GATEWAY_ENCRYPT_CONTENT is not true"):
        async with open_store(tmp_path):
            pytest.fail("it was opened")
    key.rename(tmp_path / "away")
    for secret in ("", OLD.hex()):
        with pytest.raises(PluginError, match=r"GATEWAY_ENCRYPTION_KEY .*encryption\.key"):
            keyring.sealer_of(tmp_path, database, Secret(secret))
    assert not key.exists()
    (tmp_path / "away").rename(key)
    sealer = keyring.sealer_of(tmp_path, database, Secret(OLD.hex()))
    async with open_sealed(tmp_path, sealer) as store:
        await check(store)


def test_the_same_is_never_encrypted_to_the_same() -> None:
    sealer, place = Sealer([OLD]), where("content", ADA, "m")
    assert len({sealer.seal(SAID, place) for _ in range(100)}) == 100
    assert where("content", "a", "b:c") != where("content", "a:b", "c")


def test_what_is_remembered_is_bounded() -> None:
    sealer = Sealer([OLD])
    for number in range(40):
        sealer.same(bytes(1 << 20), where("system", ADA, str(number)))
    assert len(sealer._remembered) <= 8


async def test_the_gateway_keeps_a_chat_encrypted_and_says_why_it_does_not_search(
    tmp_path: Path,
) -> None:
    environment = {
        "GATEWAY_ENCRYPT_CONTENT": "true",
        "GATEWAY_ENCRYPTION_KEY": OLD.hex(),
        "GATEWAY_DATA_DIR": str(tmp_path),
    }
    async with GatewayProcess(environment) as gateway:
        answer = await asked(gateway, "POST", "/v1/chat/completions", chat())
        assert answer["session_id"] == "s"
        said = await asked(gateway, "GET", "/v1/sessions/s/messages")
        assert said["messages"][0]["content"] == f"say {CANARY}"
        refused = await asked(gateway, "GET", f"/v1/sessions?q={CANARY}")
        assert refused["error"]["status"] == 400
        assert refused["error"]["param"] == "q"
        assert "GATEWAY_ENCRYPT_CONTENT" in refused["error"]["message"]
    assert CANARY.encode() not in bytes_of(tmp_path)
    for wrong, why in (
        ({"GATEWAY_ENCRYPT_CONTENT": "false"}, "GATEWAY_ENCRYPT_CONTENT is not true"),
        ({"GATEWAY_ENCRYPTION_KEY": NEW.hex()}, "GATEWAY_ENCRYPTION_KEY"),
    ):
        with pytest.raises(GatewayDidNotStart, match=why) as caught:
            async with GatewayProcess(environment | wrong):
                pytest.fail("it started")
        assert "Traceback" not in str(caught.value)


def chat() -> Mapping[str, object]:
    words = [{"role": "user", "content": f"say {CANARY}"}]
    return {"session_id": "s", "messages": words}


async def asked(
    gateway: GatewayProcess, method: str, path: str, body: Mapping[str, object] | None = None
) -> Any:
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, gateway.url + path, json=body) as response,
    ):
        return await response.json()
