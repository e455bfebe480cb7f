"""Sessions over HTTP: made, listed, changed, forked, exported, counted."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask, refused

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

SESSIONS = "/v1/sessions"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NEW: dict[str, object] = {
    "project_id": "default",
    "parent_id": None,
    "title": None,
    "model": "claude-sonnet-5-5",
    "system_prompt": None,
    "status": "active",
    "is_active": True,
    "total_tokens": 0,
    "total_cost": 0.0,
    "unpriced_runs": 0,
    "message_count": 0,
    "metadata": {},
}


async def said(caller: Caller, session: Any, *words: str) -> list[Any]:
    """Let the user and the assistant speak in turns."""
    path = f"{SESSIONS}/{session['id']}/messages"
    roles = ("user", "assistant")
    return [
        await caller.post(path, role=roles[i % 2], content=text) for i, text in enumerate(words)
    ]


async def test_a_session_is_made_and_found(caller: Caller) -> None:
    project = await caller.post("/v1/projects", name="App")
    made = await caller.post(
        SESSIONS,
        project_id=project["id"],
        model="claude-sonnet-5-5",
        title="Initial Setup",
        system_prompt="You are helpful",
        metadata={"a": {"b": None}},
    )
    given = {
        "project_id": project["id"],
        "title": "Initial Setup",
        "system_prompt": "You are helpful",
        "metadata": {"a": {"b": None}},
    }
    times = {name: made[name] for name in ("created_at", "updated_at")}
    assert made == {"id": made["id"], **NEW, **given, **times}
    assert all(MOMENT.fullmatch(moment) for moment in times.values())
    assert await caller.get(f"{SESSIONS}/{made['id']}") == made
    listed = await caller.get(f"{SESSIONS}?project_id={project['id']}")
    assert listed == {"sessions": [made], "total": 1, "limit": 100, "offset": 0}


async def test_a_session_needs_no_fields_and_says_its_id_once(caller: Caller) -> None:
    answer = await caller.ask("POST", SESSIONS, {})
    assert answer.status == 201
    assert answer.json["project_id"] == "default"
    assert answer.json["model"].startswith("claude-")
    assert answer.body.startswith(b'{"id":"')
    assert answer.body.count(b'"id":"') == 1
    assert [p["id"] for p in (await caller.get("/v1/projects"))["projects"]] == ["default"]


@pytest.mark.parametrize("alias", ["sonnet", "claude-3-5-sonnet-20241022", "gpt-4"])
async def test_another_name_of_a_model_is_resolved_and_told(caller: Caller, alias: str) -> None:
    answer = await caller.ask("POST", SESSIONS, {"model": alias})
    model = answer.json["model"]
    assert model != alias
    assert answer.header("x-gateway-model-remapped") == f"{alias} -> {model}"


async def test_an_unknown_model_is_not_found_as_in_a_chat(caller: Caller) -> None:
    for method, path in (("POST", SESSIONS), ("PATCH", await made_path(caller))):
        answer = await caller.ask(method, path, {"model": "llama-3"})
        assert "llama-3" in refused(answer, 404, "model_not_found", "model")["message"]


async def made_path(caller: Caller) -> str:
    session = await caller.post(SESSIONS, model="claude-sonnet-5-5")
    return f"{SESSIONS}/{session['id']}"


async def test_an_unknown_project_is_not_found_and_named(caller: Caller) -> None:
    for method, path in (("POST", SESSIONS), ("PATCH", await made_path(caller))):
        answer = await caller.ask(method, path, {"project_id": "none"})
        refused(answer, 404, "not_found", "project_id")
    assert (await caller.get(SESSIONS))["total"] == 1


@pytest.mark.parametrize("project_id", ["proj_001", "default"])
async def test_a_project_is_made_with_its_session_when_that_is_asked(
    caller: Caller, project_id: str
) -> None:
    for _ in range(2):  # the second one finds it
        made = await caller.post(SESSIONS, project_id=project_id, create_project=True)
        assert made["project_id"] == project_id
    projects = (await caller.get("/v1/projects"))["projects"]
    assert [project["id"] for project in projects].count(project_id) == 1


async def test_a_project_is_not_made_under_an_id_that_is_none(caller: Caller) -> None:
    for bad in ("../x", " ", "a" * 129):
        asked = {"project_id": bad, "create_project": True}
        refused(await caller.ask("POST", SESSIONS, asked), 400, param="project_id")
    refused(
        await caller.ask("POST", SESSIONS, {"create_project": "x"}), 400, param="create_project"
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"title": 5}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"model": 5}, "model"),
        ({"system_prompt": {}}, "system_prompt"),
        ({"project_id": []}, "project_id"),
        ({"metadata": []}, "metadata"),
        ({"tools": "look"}, "tools"),
    ],
)
async def test_a_wrong_field_is_named(
    caller: Caller, fields: dict[str, object], param: str
) -> None:
    refused(await caller.ask("POST", SESSIONS, fields), 400, param=param)
    refused(await caller.ask("PATCH", await made_path(caller), fields), 400, param=param)


async def test_only_what_is_given_changes(caller: Caller) -> None:
    project = await caller.post("/v1/projects", name="App")
    path = await made_path(caller)
    before = await caller.get(path)
    given = {"title": "New", "project_id": project["id"], "metadata": {"a": 1}}
    changed = await caller.ask("PATCH", path, {**given, "id": "x", "total_tokens": 5})
    assert changed.json == before | given | {"updated_at": changed.json["updated_at"]}
    assert (await caller.ask("PATCH", path, {})).json == changed.json
    remapped = await caller.ask("PATCH", path, {"model": "opus"})
    assert remapped.header("x-gateway-model-remapped") == f"opus -> {remapped.json['model']}"
    nothing = {"title": None, "project_id": None, "metadata": None, "model": None}
    reset = (await caller.ask("PATCH", path, nothing)).json
    assert (reset["title"], reset["project_id"], reset["metadata"]) == (None, "default", {})


@pytest.mark.parametrize("over", [{"status": "ended"}, {"is_active": False}])
async def test_a_session_can_be_ended_and_taken_up_again(
    caller: Caller, over: dict[str, object]
) -> None:
    path = await made_path(caller)
    ended = (await caller.ask("PATCH", path, over)).json
    assert (ended["status"], ended["is_active"]) == ("ended", False)
    assert (await caller.get(f"{SESSIONS}?status=ended"))["sessions"] == [ended]
    assert (await caller.get(f"{SESSIONS}?status=active"))["total"] == 0
    assert (await caller.get(f"{SESSIONS}/stats"))["active_sessions"] == 0
    again = (await caller.ask("PATCH", path, {"status": "active"})).json
    assert again["is_active"] is True
    refused(await caller.ask("PATCH", path, {"status": "gone"}), 400, param="status")
    refused(await caller.ask("GET", f"{SESSIONS}?status=gone"), 400, param="status")


async def test_sessions_are_found_by_words_in_titles_and_messages(caller: Caller) -> None:
    whale = await caller.post(SESSIONS, title="Blue whale")
    fox = await caller.post(SESSIONS, title="Red")
    await said(caller, fox, "Where does the fox sleep?")
    for query, found in (("blue", whale), ("SLEEP", fox), ("fox+where", fox)):
        listed = await caller.get(f"{SESSIONS}?q={query}")
        assert [session["id"] for session in listed["sessions"]] == [found["id"]]
    for query in ("green", '"', "a*", "NEAR(", "-blue", "title:blue"):
        await caller.get(f"{SESSIONS}?q={query}")
    assert (await caller.get(f"{SESSIONS}?q=blue&status=ended"))["total"] == 0


async def test_lists_have_windows_and_the_newest_change_comes_first(caller: Caller) -> None:
    made = [await caller.post(SESSIONS, title=str(i)) for i in range(4)]
    await said(caller, made[0], "Hello")
    page = await caller.get(f"{SESSIONS}?limit=2&offset=1")
    assert [session["title"] for session in page["sessions"]] == ["3", "2"]
    assert (page["total"], page["limit"], page["offset"]) == (4, 2, 1)


async def test_a_deleted_session_is_gone(caller: Caller) -> None:
    path = await made_path(caller)
    answer = await caller.ask("DELETE", path)
    assert (answer.status, answer.body) == (204, b"")
    for method, sub in (
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/messages"),
        ("GET", "/tools"),
        ("GET", "/export"),
        ("POST", "/fork"),
    ):
        refused(await caller.ask(method, path + sub), 404, "not_found")


async def test_a_client_that_asks_for_json_is_told_what_was_deleted(caller: Caller) -> None:
    path = await made_path(caller)
    answer = await caller.ask("DELETE", path, b"", {"accept": "application/json"})
    assert answer.json == {"id": path.rpartition("/")[2], "deleted": True}


@pytest.mark.parametrize("id_", ["none", "%00", "%2e%2e", "a%2Fb", "%ff", "x" * 4000, "' OR 1--"])
async def test_s1_an_unknown_session_is_not_found_whatever_it_is_called(
    caller: Caller, id_: str
) -> None:
    path = f"{SESSIONS}/{id_.replace(' ', '%20')}"
    refused(await caller.ask("GET", path), 404, "not_found")
    message = {"role": "user", "content": "Hi"}
    refused(await caller.ask("POST", f"{path}/messages", message), 404, "not_found")


async def test_a_fork_goes_on_from_a_copy(caller: Caller) -> None:
    parent = await caller.post(SESSIONS, title="Plan", system_prompt="Be brief")
    messages = await said(caller, parent, "One?", "1", "Two?", "2")
    fork = await caller.post(f"{SESSIONS}/{parent['id']}/fork")
    same = ("project_id", "title", "model", "system_prompt", "metadata")
    assert {name: fork[name] for name in same} == {name: parent[name] for name in same}
    assert fork["id"] != parent["id"]
    assert fork["parent_id"] == parent["id"]
    assert (fork["message_count"], fork["total_tokens"], fork["total_cost"]) == (4, 0, 0)
    copies = (await caller.get(f"{SESSIONS}/{fork['id']}/messages"))["messages"]
    assert [copy["content"] for copy in copies] == [m["content"] for m in messages]
    assert {copy["session_id"] for copy in copies} == {fork["id"]}
    await said(caller, fork, "Three?")
    assert (await caller.get(f"{SESSIONS}/{parent['id']}"))["message_count"] == 4


async def test_a_fork_can_begin_earlier_or_without_messages(caller: Caller) -> None:
    parent = await caller.post(SESSIONS, title="Plan")
    messages = await said(caller, parent, "One?", "1", "Two?", "2")
    path = f"{SESSIONS}/{parent['id']}/fork"
    for up_to in (messages[1]["id"], messages[1]["number"]):
        fork = await caller.post(path, up_to=up_to, title="Other")
        assert (fork["message_count"], fork["title"]) == (2, "Other")
    assert (await caller.post(path, copy_messages=False, parent_id="x"))["message_count"] == 0
    for up_to in ("msg_none", 99, 0, -1, 2**63, -(2**63)):
        refused(await caller.ask("POST", path, {"up_to": up_to}), 404, "not_found", "up_to")
    refused(await caller.ask("POST", path, {"up_to": []}), 400, param="up_to")


async def test_s5_a_fork_without_a_body_needs_no_type_and_with_one_it_is_json(
    caller: Caller,
) -> None:
    path = f"{await made_path(caller)}/fork"
    assert (await caller.ask("POST", path)).status == 201
    text = {"content-type": "text/plain"}
    refused(await caller.ask("POST", path, {"title": "x"}, text), 415)


async def test_figures_are_real(caller: Caller) -> None:
    assert await caller.get(f"{SESSIONS}/stats") == {
        "active_sessions": 0,
        "total_messages": 0,
        "total_tokens": 0,
        "total_cost": 0.0,
        "total_runs": 0,
        "unpriced_runs": 0,
        "by_model": {},
        "by_day": {},
    }
    session = await caller.post(SESSIONS)
    await said(caller, session, "One?", "1")
    stats = await caller.get(f"{SESSIONS}/stats")
    assert (stats["active_sessions"], stats["total_messages"]) == (1, 2)


async def test_health_counts_the_active_sessions_of_everybody() -> None:
    async with GatewayProcess({"GATEWAY_API_KEYS": "gw-1,gw-2"}) as gateway:
        one, two = {"x-api-key": "gw-1"}, {"x-api-key": "gw-2"}
        made = await ask(gateway.port, "POST", SESSIONS, {}, one)
        await ask(gateway.port, "POST", SESSIONS, {}, two)
        await counted(gateway, 2)
        path = f"{SESSIONS}/{made.json['id']}"
        await ask(gateway.port, "PATCH", path, {"is_active": False}, one)
        await counted(gateway, 1)


async def counted(gateway: GatewayProcess, sessions: int) -> None:
    """Wait until health says so; it is counted in the background, and soon."""
    async with asyncio.timeout(5):
        while True:
            health = (await ask(gateway.port, "GET", "/health")).json
            if health["active_sessions"] == sessions:
                assert health["checks"]["database"] is True
                return


@pytest.mark.parametrize(
    ("form", "kind", "suffix"),
    [
        ("json", "application/json", "json"),
        ("jsonl", "application/jsonl", "jsonl"),
        ("markdown", "text/markdown; charset=utf-8", "md"),
    ],
)
async def test_a_session_is_exported_as_a_file(
    caller: Caller, form: str, kind: str, suffix: str
) -> None:
    session = await caller.post(SESSIONS, title="Plan")
    await said(caller, session, "Größe?", "Groß.")
    answer = await caller.ask("GET", f"{SESSIONS}/{session['id']}/export?format={form}")
    assert answer.status == 200
    assert answer.header("content-type") == kind
    name = f'attachment; filename="{session["id"]}.{suffix}"'
    assert answer.header("content-disposition") == name
    if form == "json":
        whole = answer.json
        assert whole["session"]["id"] == session["id"]
        assert [message["content"] for message in whole["messages"]] == ["Größe?", "Groß."]
    elif form == "jsonl":
        lines = [json.loads(line) for line in answer.body.splitlines()]
        assert [(line["role"], line["content"]) for line in lines] == [
            ("user", "Größe?"),
            ("assistant", "Groß."),
        ]
    else:
        assert "## User\n\nGröße?\n\n## Assistant\n\nGroß.\n" in answer.body.decode()


async def test_an_export_is_json_unless_asked_and_nothing_else_that_is_unknown(
    caller: Caller,
) -> None:
    path = await made_path(caller)
    assert (await caller.get(f"{path}/export"))["messages"] == []
    refused(await caller.ask("GET", f"{path}/export?format=pdf"), 400, param="format")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("", "GET,HEAD,POST"),
        ("/stats", "DELETE,GET,HEAD,PATCH"),
        ("/x", "DELETE,GET,HEAD,PATCH"),
        ("/x/messages", "GET,HEAD,POST"),
        ("/x/fork", "POST"),
        ("/x/export", "GET,HEAD"),
    ],
)
async def test_other_methods_are_told_which_are_right(
    caller: Caller, path: str, allowed: str
) -> None:
    answer = await caller.ask("PUT", SESSIONS + path)
    refused(answer, 405, "method_not_allowed")
    assert (answer.header("allow") or "").replace(" ", "") == allowed


async def test_head_answers_as_get_without_the_body(caller: Caller) -> None:
    path = await made_path(caller)
    for head in (SESSIONS, f"{SESSIONS}/stats", path, f"{path}/messages", f"{path}/export"):
        answer = await caller.ask("HEAD", head)
        assert (answer.status, answer.body) == (200, b"")
