"""Every answer that the app reads can be decoded, by every commit of it, from the real gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from claude_gateway_ios.testing import (
    KEYLESS,
    DecodingError,
    Phone,
    decode,
    parse,
    table,
)
from claude_gateway_ios.testing.swift import Iso8601

from claude_gateway.testing import FakeAnthropic, GatewayProcess, answering
from claude_gateway.testing.raw import ask
from claude_gateway.testing.wire import text, tool_use

pytestmark = pytest.mark.asyncio(loop_scope="session")

Fresh = Callable[[], str]


async def test_the_home_screen_loads(each: Phone, upstream: FakeAnthropic, fresh: Fresh) -> None:
    assert (await each.read("health", "GET", "/health"))["ok"] is True
    await each.stream("Hello", fresh())
    projects = await each.read("projects", "GET", "/v1/projects")
    sessions = await each.read("sessions", "GET", "/v1/sessions")
    stats = await each.read("stats", "GET", "/v1/sessions/stats")
    assert "default" in {project["id"] for project in projects}
    assert len(sessions) >= 1
    assert stats["totalMessages"] >= 2
    assert stats["totalTokens"] > 0
    created = "created_at" if each.commit == "C5" else "createdAt"
    for session in sessions:
        Iso8601().read(session[created], created)


async def test_a_project_is_made_and_shown(each: Phone) -> None:
    bodies: list[dict[str, object]] = [
        {"name": "Shop", "description": ""},
        {"name": "Shop", "description": "", "path": "/workspace/shop"},
        {"name": "Shop", "description": "Ünï", "path": ""},
        {"name": "Shop"},
    ]
    for body in bodies:
        made = await each.read("project", "POST", "/v1/projects", body)
        shown = await each.read("project", "GET", f"/v1/projects/{made['id']}")
        assert shown == made
        assert made["description"] == body.get("description", "")
        path = f"/v1/sessions%3Fproject_id={made['id']}"
        assert await each.read("sessions", "GET", path) == []
        assert made in await each.read("projects", "GET", "/v1/projects")


async def test_a_session_is_made_and_listed_with_its_project(each: Phone) -> None:
    project = await each.read("project", "POST", "/v1/projects", {"name": "P", "description": ""})
    body = {"project_id": project["id"], "model": "claude-3-5-haiku-20241022", "title": "T"}
    made = await each.read("session", "POST", "/v1/sessions", body)
    prompted = {**body, "title": "U", "system_prompt": "Be brief."}
    other = await each.read("session", "POST", "/v1/sessions", prompted)
    path = f"/v1/sessions%3fproject_id={project['id']}"
    listed = await each.read("sessions", "GET", path)
    assert sorted(session["id"] for session in listed) == sorted([made["id"], other["id"]])
    names = ("project_id", "is_active") if each.commit == "C5" else ("projectId", "isActive")
    assert [made[name] for name in names] == [project["id"], True]


@pytest.mark.parametrize("fields", [{}, {"name": "N"}, {"project_id": "proj_001", "name": "N"}])
async def test_a_session_needs_nothing_and_its_project_is_made(
    each: Phone, fields: dict[str, object]
) -> None:
    response = await each.ask("POST", "/v1/sessions", fields)
    assert response.status == 201, response.body
    decode(table(each.commit)["session"], response.body)
    assert response.json["project_id"] == fields.get("project_id", "default")
    assert response.json["title"] == fields.get("name")
    assert response.body.count(b'"id":"') == 1


async def test_models_can_be_picked_and_the_apps_own_ones_work(
    each: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    models = (await each.read("capabilities", "GET", "/v1/models/capabilities"))["models"]
    picked = [
        models[0]["id"],
        "gpt-4",
        "gpt-3.5-turbo",
        "claude-3-5-haiku-20241022",
        "claude-3-5-sonnet-20241022",
        "claude-3-opus",
        "claude-3-opus-20240229",
        "claude-3-haiku-20240307",
    ]
    for model in picked:
        body = each.turn("Hello", fresh(), stream=False, model=model)
        said = await each.read("completion", "POST", each.chat_path, body)
        assert said["choices"][0]["message"]["content"]
        session = {"project_id": "default", "model": model}
        await each.read("session", "POST", "/v1/sessions", session)


async def test_a_turn_in_one_piece_says_its_session_and_what_it_used(
    each: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    mine = None if each.commit == "C1" else fresh()
    body = each.turn("Hello", mine, stream=False)
    first = await each.read("completion", "POST", each.chat_path, body)
    assert first["usage"]["total_tokens"] > 0
    assert mine in (None, first["session_id"])
    again = each.turn("And again", first["session_id"], stream=False)
    second = await each.read("completion", "POST", each.chat_path, again)
    assert second["session_id"] == first["session_id"]


async def test_the_status_is_read_after_a_turn(
    each: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session = fresh()
    await each.stream("Hello", session)
    path = f"/v1/chat/completions/{session}/status"
    response = await each.ask("GET", path)
    status = decode(table("C1")["status"], response.body)
    assert isinstance(status, dict)
    assert status["total_tokens"] > 0
    assert response.json["totalTokens"] == response.json["total_tokens"]


async def test_a_stopped_session_is_not_live_until_it_goes_on(
    each: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session = fresh()
    live = "is_active" if each.commit == "C5" else "isActive"

    async def is_live() -> Any:
        listed = await each.read("sessions", "GET", "/v1/sessions")
        return next(row[live] for row in listed if row["id"] == session)

    await each.stream("Hello", session)
    assert await is_live() is True
    for path in (f"/v1/chat/completions/{session}", f"/completions/{session}"):
        await each.read("stop", "DELETE", path)
        assert await is_live() is False
    await each.stream("Hello again", session)
    assert await is_live() is True
    unknown = await each.ask("DELETE", f"/v1/chat/completions/{fresh()}")
    assert unknown.status == 404


LATER = ("C2", "C3", "C4", "C5")


@pytest.mark.parametrize("commit", LATER)
async def test_the_debug_call_tells_of_the_session(
    each: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session = fresh()
    await each.stream("Hello", session)
    body = {"sessionId": session, "prompt": "p", "includeContext": True}
    said = await each.read("debug", "POST", "/v1/chat/completions/debug", body)
    assert said["sessionId"] == session
    assert said["context"].startswith("user: Hello\nassistant: ")
    assert said["tokens"] > 0
    assert said["modelState"] == "idle"
    snake = {"session_id": session, "prompt": "p", "include_context": False}
    assert (await each.read("debug", "POST", "/debug/completion", snake))["context"] == ""
    assert (await each.read("debug", "POST", "/debug/completion", {"input": "x"}))["tokens"] == 0
    for unknown in ("nowhere", "a/b?c"):
        body = {"sessionId": unknown, "prompt": "p"}
        assert (await each.ask("POST", "/v1/chat/completions/debug", body)).status == 404


@pytest.mark.parametrize("commit", LATER)
@pytest.mark.parametrize(("method", "prefix"), [("POST", "/v1"), ("PUT", "")])
async def test_tools_are_chosen_for_a_session(each: Phone, method: str, prefix: str) -> None:
    made = await each.read("session", "POST", "/v1/sessions", {"model": "gpt-4"})
    path = f"{prefix}/sessions/{made['id']}/tools"
    body = {"tools": ["read_file", "fs.read"], "priority": 5}
    said = await each.read("tools", method, path, body)
    assert said["sessionId"] == made["id"]
    assert said["enabledTools"] == ["read_file", "fs.read"]
    assert "2 tools" in said["message"]
    assert (await each.read("tools", method, path, {"tools": []}))["enabledTools"] == []


@pytest.mark.parametrize("commit", LATER)
async def test_unversioned_paths_give_bare_lists(each: Phone) -> None:
    """One of the app's classes asks so; nothing in the app uses it."""
    assert await each.read("bare capabilities", "GET", "/models/capabilities")
    made = await each.read(
        "project", "POST", "/projects", {"name": "P", "description": "", "path": ""}
    )
    assert (await each.read("projects", "GET", "/projects"))[0] == made
    assert await each.read("project", "GET", f"/projects/{made['id']}") == made
    await each.read("session", "POST", "/sessions", {"project_id": made["id"], "model": "gpt-4"})
    assert len(await each.read("sessions", "GET", f"/sessions%3Fproject_id={made['id']}")) == 1
    await each.read("stats", "GET", "/sessions/stats")


@pytest.mark.parametrize("commit", ["C5"])
async def test_messages_and_profile_of_the_newest_commit(
    each: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session = fresh()
    await each.stream("Hello 👋🏽", session)
    path = f"/v1/sessions/{session}/messages%3Flimit=100&offset=0"
    listed = await each.read("messages", "GET", path)
    assert [message["role"] for message in listed["messages"]] == ["user", "assistant"]
    assert listed["messages"][0]["content"] == "Hello 👋🏽"
    only = await each.read("messages", "GET", f"{path}&role=assistant")
    assert (only["total"], only["limit"], only["offset"]) == (1, 100, 0)
    profile = await each.read("profile", "GET", "/v1/user/profile")
    assert profile["message_count"] >= 2
    changed = {"username": "Grace", "preferences": {"darkMode": True, "font": "large"}}
    for method in ("POST", "PUT"):
        said = await each.read("profile", method, "/v1/user/profile", changed)
        assert (said["username"], said["preferences"]["font"]) == ("Grace", "large")
    other = await each.read("other profile", "GET", "/v1/user/profile")
    assert other["username"] == "Grace"
    assert other["preferences"] == {
        "enableStreaming": True,
        "darkMode": True,
        "reduceMotion": False,
        "notifications": True,
        "sounds": True,
    }
    mistakes: list[dict[str, object]] = [{"username": 5}, {"preferences": []}]
    for wrong in mistakes:
        refused = await each.ask("POST", "/v1/user/profile", wrong)
        assert (refused.status, refused.json["error"]["param"]) == (400, next(iter(wrong)))


@pytest.mark.parametrize("commit", ["C5"])
async def test_executions_of_the_newest_commit(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh, commit: str
) -> None:
    newest, session = Phone(phone.port, commit), fresh()
    call = tool_use("mcp_filesystem__list_directory", "{}")
    await newest.stream("Hello", session)  # it is there now
    await newest.ask("POST", f"/v1/sessions/{session}/tools", {"tools": ["list_directory"]})
    upstream.script(answering(call, stop_reason="tool_use"), answering(text("Nothing.")))
    await newest.stream("Look", session)
    path = f"/v1/sessions/{session}/tools%3Flimit=100&tool_type=mcp&status=completed"
    listed = await newest.read("executions", "GET", path)
    assert [one["tool_name"] for one in listed["executions"]] == ["list_directory"]
    assert isinstance(listed["executions"][0]["output"], dict)
    wrong = await newest.ask("GET", f"/v1/sessions/{session}/tools%3Fstatus=gone")
    assert wrong.status == 400


async def test_a_list_can_be_asked_for_as_an_object_and_says_whom_it_is_for(phone: Phone) -> None:
    for name in ("projects", "sessions"):
        response = await phone.ask("GET", f"/v1/{name}%3Fshape=envelope")
        assert set(response.json) == {name, "total", "limit", "offset"}
        assert response.json["limit"] == 1000
        assert "User-Agent" in (response.header("vary") or "")
        short = await phone.ask("GET", f"/v1/{name}%3Flimit=1")
        assert len(short.json) == 1
        assert (await phone.ask("GET", f"/v1/{name}%3Flimit=5000")).status == 200


async def test_nobody_else_is_given_the_apps_shapes(gateway: GatewayProcess) -> None:
    for headers in ({"User-Agent": "curl/8.5.0"}, {}, {"x-gateway-profile": "none"}):
        listed = (await ask(gateway.port, "GET", "/v1/projects", headers=headers)).json
        assert set(listed) == {"projects", "total", "limit", "offset"}
        assert "createdAt" not in listed["projects"][0]
        for path in ("/api/v1/projects", "/projects", "/v1/projects%3Flimit=1"):
            assert (await ask(gateway.port, "GET", path, headers=headers)).status == 404


async def test_every_answer_is_compact_json_that_foundation_parses(each: Phone) -> None:
    for path in (
        "/",
        "/health",
        "/v1",
        "/v1/models",
        "/v1/projects",
        "/v1/nowhere",
        "/v1/models/x",
    ):
        response = await each.ask("GET", path)
        parse(response.body)
        assert b'": ' not in response.body
    assert (await each.ask("HEAD", "/")).status == 200


async def test_the_simulator_finds_what_the_gateways_own_shape_lacks(
    gateway: GatewayProcess, commit: str
) -> None:
    """The same list without the profile cannot be decoded: the tables mean something."""
    response = await ask(gateway.port, "GET", "/v1/projects")
    with pytest.raises(DecodingError):
        decode(table(commit)["projects"], response.body)


async def test_a_commit_that_has_no_key_to_send_sends_none() -> None:
    assert "Authorization" not in Phone(1, KEYLESS[0], "k").headers()
    assert Phone(1, "C4", "k").headers()["Authorization"] == "Bearer k"
