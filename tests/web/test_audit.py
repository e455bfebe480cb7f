"""The audit log over HTTP: whose calls, which of them, and in which format."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from claude_gateway_sqlite import plugin as sqlite

from claude_gateway import AuditEntry, AuditFilter, Unavailable
from claude_gateway.conversations.retention import Retention, forget
from claude_gateway.testing.raw import Connection, refused, request
from tests.web.test_mcp import CALL, KEYS, WAIT, Door

if TYPE_CHECKING:
    from tests.conftest import App, Scripted, Serving

AUDIT = "/v1/mcp/audit"
OWNER: Mapping[str, str] = {}


def door() -> Door:
    made = Door()
    made.opened.set()
    return made


async def entries(app: App, query: str = "", who: Mapping[str, str] = OWNER) -> Any:
    answer = await app.ask("GET", f"{AUDIT}{query}", b"", who)
    assert answer.status == 200, answer.body
    return answer.json["entries"]


async def test_a_call_is_in_the_log_when_it_is_answered(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), door(), sqlite) as app:
        session = (await app.ask("POST", "/v1/sessions", {"title": "S"})).json["id"]
        body = {**WAIT, "session_id": session, "arguments": {"a": 1}}
        assert (await app.ask("POST", CALL, body)).status == 200
        listed = (await app.ask("GET", AUDIT)).json
        (execution,) = (await app.ask("GET", f"/v1/sessions/{session}/tools")).json["executions"]
    assert (listed["total"], listed["limit"], listed["offset"]) == (1, 100, 0)
    (entry,) = listed["entries"]
    assert entry == {
        "number": 1,
        "at": entry["at"],
        "principal": "owner",
        "server": "door",
        "tool": "wait",
        "outcome": "completed",
        "duration_ms": entry["duration_ms"],
        "session_id": session,
        "run_id": None,
        "project_id": "default",
        "call_id": execution["id"],
        "arguments_sha256": entry["arguments_sha256"],
        "arguments_bytes": 7,
        "arguments": None,
    }
    assert len(entry["arguments_sha256"]) == 64


async def test_s11_a_session_with_audit_log_keeps_arguments_without_keys(
    serving: Serving, scripted: type[Scripted]
) -> None:
    body = {**WAIT, "arguments": {"key": "sk-ant-api03-CANARY"}}
    async with serving(scripted(), door(), sqlite) as app:
        session = (await app.ask("POST", "/v1/sessions", {"audit_log": True})).json["id"]
        await app.ask("POST", CALL, body)
        await app.ask("POST", CALL, {**body, "session_id": session})
        kept, hashed = await entries(app)
    assert (kept["arguments"], hashed["arguments"]) == ({"key": "sk-***"}, None)


@pytest.mark.parametrize(("level", "kept"), [("arguments", [{"a": 1}]), ("off", [])])
async def test_the_operator_says_how_much_is_written(
    serving: Serving, scripted: type[Scripted], level: str, kept: list[object]
) -> None:
    async with serving(scripted(), door(), sqlite, GATEWAY_TOOL_AUDIT=level) as app:
        await app.ask("POST", CALL, {**WAIT, "arguments": {"a": 1}})
        assert [entry["arguments"] for entry in await entries(app)] == kept


async def test_t24_a_call_whose_client_leaves_is_in_the_log(
    serving: Serving, scripted: type[Scripted]
) -> None:
    closed = Door()
    async with serving(scripted(), closed, sqlite) as app:
        async with Connection(app.port) as connection:
            await connection.send(request("POST", CALL, WAIT))
            await closed.knocked.wait()
        async with asyncio.timeout(5):
            while not (found := await entries(app)):
                pass
    assert [entry["outcome"] for entry in found] == ["cancelled"]


async def test_s9_everybody_reads_their_own_calls_and_the_owner_all(
    serving: Serving, scripted: type[Scripted]
) -> None:
    ada, mia = {"x-api-key": "ada"}, {"x-api-key": "mia"}
    async with serving(scripted(), door(), KEYS, sqlite) as app:
        for who in (ada, ada, mia, OWNER):
            assert (await app.ask("POST", CALL, WAIT, who)).status == 200
        seen = {
            (name, query): [one["principal"] for one in await entries(app, query, who)]
            for name, who in (("ada", ada), ("mia", mia), ("owner", OWNER))
            for query in ("", "?principal=ada", "?principal=nobody")
        }
        stolen = [
            (await app.ask("GET", f"{AUDIT}?format={form}&principal=ada", b"", mia)).body
            for form in ("csv", "jsonl")
        ]
    assert seen == {
        ("ada", ""): ["ada", "ada"],
        ("ada", "?principal=ada"): ["ada", "ada"],
        ("ada", "?principal=nobody"): [],
        ("mia", ""): ["mia"],
        ("mia", "?principal=ada"): [],
        ("mia", "?principal=nobody"): [],
        ("owner", ""): ["owner", "mia", "ada", "ada"],
        ("owner", "?principal=ada"): ["ada", "ada"],
        ("owner", "?principal=nobody"): [],
    }
    assert stolen == [b"", b""]


async def fill(app: App, count: int, **fields: Any) -> None:
    store = app.gateway.store
    assert store is not None
    values = {"owner": "owner", "server": "s", "tool": "t", "outcome": "completed", **fields}
    made = [
        AuditEntry(at=1e9 + n, duration_ms=n, digest="d", size=2, call_id=f"c{n}", **values)
        for n in range(count)
    ]
    await store.add_audit(made)


async def test_entries_are_filtered_and_come_in_windows(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), sqlite) as app:
        await fill(app, 3)
        await fill(app, 1, server="other", tool="x", outcome="failed", session_id="ses_1")
        for query in ("server=other", "tool=x", "outcome=failed", "session_id=ses_1"):
            assert [one["tool"] for one in await entries(app, f"?{query}")] == ["x"], query
        at = "2001-09-09T01:46:4{}Z".format  # 1e9 seconds
        later = await entries(app, f"?since={at(1)}&server=s")
        assert [one["at"] for one in later] == [at(2), at(1)]
        assert len(await entries(app, f"?until={at(1)}")) == 2
        assert len(await entries(app, "?since=2001-09-10")) == 0
        assert [one["call_id"] for one in await entries(app, "?limit=1&offset=1")] == ["c1"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("since=yesterday", "since"),
        ("until=2027-13-01", "until"),
        ("outcome=good", "outcome"),
        ("format=xml", "format"),
        ("limit=0", "limit"),
        ("tool=" + "x" * 201, "tool"),
    ],
)
async def test_what_is_wrong_with_a_query_is_named(
    serving: Serving, scripted: type[Scripted], query: str, param: str
) -> None:
    async with serving(scripted(), sqlite) as app:
        refused(await app.ask("GET", f"{AUDIT}?{query}"), 400, param=param)


async def test_the_whole_log_is_exported_line_by_line(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), sqlite) as app:
        await fill(app, 450)  # more than are read at once
        await fill(app, 1, server="=cmd|' /C calc'!A0", arguments=b'{\n"a": 1}')
        lines = await app.ask("GET", f"{AUDIT}?format=jsonl")
        sheet = await app.ask("GET", f"{AUDIT}?format=csv")
        head = await app.ask("HEAD", f"{AUDIT}?format=csv")
    written = [json.loads(line) for line in lines.body.splitlines()]
    assert lines.header("content-type") == "application/jsonl; charset=utf-8"
    assert [one["number"] for one in written if one["server"] == "s"] == list(range(450, 0, -1))
    rows = list(csv.DictReader(io.StringIO(sheet.body.decode())))
    assert sheet.header("content-disposition") == 'attachment; filename="audit.csv"'
    assert list(rows[0]) == list(written[0])
    assert len(rows) == 451
    (odd,) = [row for row in rows if row["server"] != "s"]
    assert (odd["server"], odd["arguments"]) == ("'=cmd|' /C calc'!A0", '{"a": 1}')
    assert (head.status, head.body) == (200, b"")


async def test_an_export_that_breaks_off_does_not_look_whole(
    serving: Serving, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(scripted(), sqlite) as app:
        await fill(app, 450)
        store: Any = app.gateway.store
        real = store.read_audit

        async def read(
            owner: str | None, only: AuditFilter, limit: int, last: AuditEntry | None = None
        ) -> object:
            if last is not None:
                raise Unavailable("The disk is gone.")
            return await real(owner, only, limit, last)

        monkeypatch.setattr(store, "read_audit", read)
        with pytest.raises((ConnectionError, EOFError, asyncio.IncompleteReadError)):
            await app.ask("GET", f"{AUDIT}?format=jsonl")
        assert (await app.ask("GET", "/v1")).status == 200


async def test_without_a_store_there_is_no_log(serving: Serving, scripted: type[Scripted]) -> None:
    async with serving(scripted(), door(), GATEWAY_STORE="none") as app:
        assert (await app.ask("POST", CALL, WAIT)).status == 200
        refused(await app.ask("GET", AUDIT), 503, "no_store")


async def test_t31_old_entries_are_forgotten(serving: Serving, scripted: type[Scripted]) -> None:
    async with serving(scripted(), sqlite) as app:
        await fill(app, 450)
        store = app.gateway.store
        assert store is not None
        now = 1e9 + 400
        assert await forget(store, Retention(audit=0), now) == 0
        assert await forget(store, Retention(audit=100), now) == 300
        assert len(await entries(app, "?limit=1000")) == 150
    assert time.time() > now
