"""What is kept, seen from the inside: what a change does to a conversation, and life without a store."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from claude_gateway_sqlite import plugin as sqlite

from claude_gateway import Message, Session, Store, ToolExecution, Unavailable
from claude_gateway.testing.raw import refused
from claude_gateway.types.usage import Usage
from claude_gateway.web.app import ROUTES, Route
from claude_gateway.web.session_count import SessionCount

if TYPE_CHECKING:
    from tests.conftest import App, Scripted, Serving

KEPT = [route for route in ROUTES if route.path.startswith(("/v1/projects", "/v1/sessions"))]
FROZEN = (b'"Be brief"', b"[]")
BODY = {"name": "App", "role": "user", "content": "Hello"}
THOUGHT = b'[{"type":"thinking","thinking":"Hm","signature":"x"},{"type":"text","text":"Hi"}]'


@pytest.mark.parametrize("route", KEPT, ids=lambda route: f"{route.method} {route.path}")
async def test_without_a_store_it_is_said_what_is_missing(
    serving: Serving, scripted: type[Scripted], route: Route
) -> None:
    method, path = route.method, route.path
    async with serving(scripted(), GATEWAY_STORE="none") as app:
        body = b"" if method in ("GET", "DELETE") else BODY
        answer = await app.ask(method, path.replace("{id}", "x").replace("{user}", "x"), body)
        assert "GATEWAY_STORE" in refused(answer, 503, "no_store")["message"]
        assert answer.header("x-should-retry") == "false"
        health = (await app.ask("GET", "/health")).json
        assert (health["active_sessions"], health["status"]) == (0, "healthy")


async def test_t17_what_is_kept_is_charged_by_the_operators_factors_and_of_an_unknown_model_by_none(
    serving: Serving, scripted: type[Scripted], tmp_path: Path
) -> None:
    file = tmp_path / "models.toml"
    file.write_text(
        "[factors]\nservice_tier = { batch = 0.25 }\n"
        "[[models]]\nid = 'm'\nprice = { input = 2, output = 10 }"
    )
    used = Usage(input_tokens=10**6, service_tier="batch")
    asked = scripted(models=["m", "unpriced"])
    async with serving(asked, sqlite, GATEWAY_MODELS_FILE=str(file)) as app:
        assert app.gateway.runs is not None
        price = app.gateway.runs.price
        assert price("m", replace(used, service_tier="standard")) == 2
        assert price("m", used) == Decimal("0.5")
        assert price("m", replace(used, inference_geo="us")) == Decimal("0.55")
        assert price("unpriced", used) is None
        assert price("a-model-of-before", used) is None


async def conversation(app: App) -> tuple[Store, str]:
    """A session as a turn leaves it: what stands before the conversation is frozen."""
    store = app.gateway.store
    assert store is not None
    now = time.time()
    session = Session("s", "owner", "default", "m", now, now, system_prompt="Be brief")
    await store.create_session(replace(session, system=FROZEN[0], tools=FROZEN[1]))
    said = [
        Message("m1", "user", b'"Hello"', now, "Hello"),
        Message("m2", "assistant", THOUGHT, now, "Hi"),
    ]
    await store.add_messages("owner", "s", said)
    return store, "/v1/sessions/s"


@pytest.mark.parametrize(
    ("fields", "frozen", "after"),
    [
        ({"system_prompt": "Be long"}, (None, b"[]"), 2),
        ({"system_prompt": None}, (None, b"[]"), 2),
        ({"system_prompt": "Be brief"}, FROZEN, 0),
        ({"title": "New", "metadata": {}}, FROZEN, 0),
        ({"tools": ["look"]}, (FROZEN[0], None), 2),
        ({"enabled_servers": ["files"]}, (FROZEN[0], None), 2),
        ({"enabled_servers": None, "audit_log": True}, FROZEN, 0),
        ({"model": "other"}, FROZEN, 2),
        ({"model": "m"}, FROZEN, 0),
    ],
)
async def test_t08_thinking_is_not_sent_again_once_what_it_is_bound_to_has_changed(
    serving: Serving,
    scripted: type[Scripted],
    fields: dict[str, object],
    frozen: tuple[bytes | None, bytes | None],
    after: int,
) -> None:
    async with serving(scripted(models=["m", "other"]), sqlite) as app:
        store, path = await conversation(app)
        assert (await app.ask("PATCH", path, fields)).status == 200
        session = await store.get_session("owner", "s")
    assert ((session.system, session.tools), session.thinking_after) == (frozen, after)


async def test_t08_choosing_other_tools_lets_the_frozen_ones_go(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), sqlite) as app:
        store, path = await conversation(app)
        await app.ask("PUT", f"{path}/tools", {"audit_log": True})
        assert (await store.get_session("owner", "s")).tools == b"[]"
        await app.ask("PUT", f"{path}/tools", {"tools": ["look"]})
        session = await store.get_session("owner", "s")
    assert (session.tools, session.thinking_after) == (None, 2)


@pytest.mark.parametrize(
    ("fields", "after"), [({}, 2), ({"up_to": 1}, 1), ({"copy_messages": False}, 0)]
)
async def test_t08_a_fork_leaves_the_thinking_of_its_copies_out(
    serving: Serving, scripted: type[Scripted], fields: dict[str, object], after: int
) -> None:
    async with serving(scripted(), sqlite) as app:
        store, path = await conversation(app)
        made = (await app.ask("POST", f"{path}/fork", fields)).json
        fork, messages = await store.history("owner", made["id"])
    assert (fork.thinking_after, fork.last_number, len(messages)) == (after, after, after)
    assert (fork.system, fork.tools, fork.parent_id) == (*FROZEN, "s")


async def test_t07_the_blocks_of_a_message_come_out_as_they_are_stored(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), sqlite) as app:
        _, path = await conversation(app)
        for read in ("/messages", "/export", "/export?format=jsonl"):
            assert b'"blocks":' + THOUGHT in (await app.ask("GET", path + read)).body


async def test_executions_are_listed_the_newest_first_and_by_kind(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), sqlite) as app:
        store, path = await conversation(app)
        done = ToolExecution(
            *("e1", "s", "look", 1.0),
            server="files",
            input_params=b'{"path":"a"}',
            output=b'[{"type":"text","text":"b"}]',
            status="completed",
            execution_time_ms=5,
            completed_at=2.0,
        )
        failed = ToolExecution("e2", "s", "run", 3.0, tool_type="native", status="failed")
        await store.add_tool_executions("owner", [done, replace(failed, error_message="No")])
        listed = (await app.ask("GET", f"{path}/tools")).json
        assert [execution["id"] for execution in listed["executions"]] == ["e2", "e1"]
        assert listed["executions"][1] == {
            "id": "e1",
            "tool_name": "look",
            "tool_type": "mcp",
            "server": "files",
            "status": "completed",
            "error_message": None,
            "execution_time_ms": 5,
            "created_at": "1970-01-01T00:00:01Z",
            "completed_at": "1970-01-01T00:00:02Z",
            "input_params": {"path": "a"},
            "output": [{"type": "text", "text": "b"}],
        }
        for query, found in (
            ("tool_type=native", ["e2"]),
            ("status=completed", ["e1"]),
            ("status=running", []),
            ("limit=1&offset=1", ["e1"]),
        ):
            listed = (await app.ask("GET", f"{path}/tools?{query}")).json
            assert [execution["id"] for execution in listed["executions"]] == found
        whole = (await app.ask("GET", f"{path}/export")).json
    assert [execution["id"] for execution in whole["executions"]] == ["e2", "e1"]


async def test_all_executions_are_exported_however_many(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), sqlite) as app:
        store, path = await conversation(app)
        many = [ToolExecution(f"e{i}", "s", "look", float(i)) for i in range(1001)]
        await store.add_tool_executions("owner", many)
        whole = (await app.ask("GET", f"{path}/export")).json
    assert len({execution["id"] for execution in whole["executions"]}) == 1001


async def test_a_full_or_missing_workspace_is_no_mistake_of_the_callers(
    serving: Serving, scripted: type[Scripted], tmp_path: Path
) -> None:
    async with serving(scripted(), sqlite, WORKSPACE_DIR=str(tmp_path / "none")) as app:
        answer = await app.ask("POST", "/v1/projects", {"name": "App", "path": "a"})
        refused(answer, 503, "workspace_unavailable")
        assert (await app.ask("GET", "/v1/projects")).json["total"] == 1


class Counted:
    """A store that can only count, and not always."""

    def __init__(self) -> None:
        self.answers: list[int | Exception] = []
        self.asked = asyncio.Event()

    async def count_active_sessions(self) -> int:
        self.asked.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def asked_again(store: Counted) -> None:
    """Wait until the store has been asked once more."""
    store.asked.clear()
    async with asyncio.timeout(5):
        await store.asked.wait()


async def test_sessions_are_counted_again_when_they_change_and_now_and_then() -> None:
    store = Counted()
    store.answers = [3, 4, 5]
    count = SessionCount(cast("Store", store), every=60, pause=0.001)
    async with count.watching():
        await asked_again(store)
        count.changed()
        await asked_again(store)
        assert count.latest == 4
    count = SessionCount(cast("Store", store), every=0.001, pause=0.001)
    async with count.watching():
        await asked_again(store)
        await asked_again(store)
        assert count.latest == 5


async def test_a_store_that_cannot_count_for_once_is_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Counted()
    store.answers = [2, Unavailable("Not now."), 7]
    count = SessionCount(cast("Store", store), every=0.001, pause=0.001)
    with caplog.at_level(logging.ERROR):
        async with count.watching():
            for _ in range(4):
                await asked_again(store)
            assert count.latest == 7
    assert [record.message for record in caplog.records] == [
        "the active sessions could not be counted"
    ]


async def test_without_a_store_there_is_nothing_to_count() -> None:
    count = SessionCount(None)
    async with count.watching():
        count.changed()
        assert count.latest == 0
