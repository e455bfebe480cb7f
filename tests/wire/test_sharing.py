"""Shared projects, and keys that reach some projects only: every route, by every role and such keys.

The routes are the gateway's own, plugins' included: one of which nobody has decided here what it needs
fails the first test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Stream
from claude_gateway.testing.raw import Connection, Response, refused, request
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import MODEL, text, text_stream, tool_use
from claude_gateway.types.principals import SCOPES
from claude_gateway.types.sharing import ROLES, Role
from claude_gateway.web.app import ROUTES
from tests.wire.conftest import UPSTREAM_KEY, Caller
from tests.wire.test_keys import Issuing
from tests.wire.test_owners import MATRIX, reach
from tests.wire.test_scopes import NEEDED

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"
WORD = "Zeppelin"
SAID = [{"role": "user", "content": WORD}]

# What each route needs in the project of the thing whose id is in it.
ROLE_OF: Mapping[str, Role] = {
    "GET /v1/projects/{id}": "viewer",
    "PATCH /v1/projects/{id}": "owner",
    "DELETE /v1/projects/{id}": "owner",
    "GET /v1/projects/{id}/members": "viewer",
    "PUT /v1/projects/{id}/members/{user}": "owner",
    "DELETE /v1/projects/{id}/members/{user}": "owner",
    "GET /v1/sessions/{id}": "viewer",
    "PATCH /v1/sessions/{id}": "editor",
    "DELETE /v1/sessions/{id}": "owner",
    "POST /v1/sessions/{id}/fork": "editor",
    "GET /v1/sessions/{id}/export": "viewer",
    "GET /v1/sessions/{id}/messages": "viewer",
    "POST /v1/sessions/{id}/messages": "editor",
    "GET /v1/sessions/{id}/tools": "viewer",
    "POST /v1/sessions/{id}/tools": "editor",
    "PUT /v1/sessions/{id}/tools": "editor",
    "GET /v1/chat/completions/{session_id}/status": "viewer",
    "DELETE /v1/chat/completions/{session_id}": "editor",
    "GET /v1/runs/{run_id}": "viewer",
    "GET /v1/runs/{run_id}/cost": "viewer",
    "GET /v1/runs/{run_id}/events": "viewer",
    "POST /v1/runs/{run_id}/cancel": "editor",
    "POST /v1/runs/{run_id}/approvals/{tool_call_id}": "owner",  # of a run that another asked for
    "GET /v1/responses/{response_id}": "viewer",
    "POST /v1/responses/{response_id}/cancel": "editor",
}


@dataclass(frozen=True)
class Names:
    """What is named in a body, a query or a header: as the caller calls it."""

    project: str
    session: str
    response: str


def asked(route: str, names: Names) -> tuple[str, Mapping[str, object], Mapping[str, str]]:
    """Return path, body and headers of a request that names something of a project's elsewhere."""
    tool = {"server": "mcp_filesystem", "tool": "list_directory", "arguments": {"path": "."}}
    bodies: Mapping[str, Mapping[str, object]] = {
        "chat in a session": {"model": MODEL, "session_id": names.session, "messages": SAID},
        "chat in a project": {"model": MODEL, "project_id": names.project, "messages": SAID},
        "native in a session": {"model": MODEL, "max_tokens": 9, "messages": SAID},
        "native in a project": {"model": MODEL, "max_tokens": 9, "messages": SAID},
        "response in a conversation": {
            "model": MODEL,
            "input": WORD,
            "conversation": names.session,
        },
        "response after another": {
            "model": MODEL,
            "input": WORD,
            "previous_response_id": names.response,
        },
        "a new session": {"model": MODEL, "project_id": names.project},
        "a tool in a session": {**tool, "session_id": names.session},
        "a tool in a project": {**tool, "project_id": names.project},
        "tools in a session": {"calls": [tool], "session_id": names.session},
        "tools in a project": {"calls": [tool], "project_id": names.project},
        "mcp in a project": {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        },
    }
    headers: Mapping[str, Mapping[str, str]] = {
        "native in a session": {"x-gateway-session-id": names.session},
        "native in a project": {"x-gateway-project-id": names.project},
        "mcp in a project": {
            "x-gateway-project-id": names.project,
            "Accept": "application/json, text/event-stream",
        },
    }
    return PATHS[route], bodies[route], headers.get(route, {})


# Places in bodies and headers where something of a project's can be named; each needs an editor.
PATHS: Mapping[str, str] = {
    "chat in a session": CHAT,
    "chat in a project": CHAT,
    "native in a session": "/v1/messages",
    "native in a project": "/v1/messages",
    "response in a conversation": "/v1/responses",
    "response after another": "/v1/responses",
    "a new session": "/v1/sessions",
    "a tool in a session": "/v1/mcp/tools/call",
    "a tool in a project": "/v1/mcp/tools/call",
    "tools in a session": "/v1/mcp/tools/fanout",
    "tools in a project": "/v1/mcp/tools/fanout",
    "mcp in a project": "/mcp",
}
# Lists, which leave out what is not to be known of; `test_…_lists_…` below looks into each.
LISTS = {
    *("GET /v1/projects", "GET /v1/sessions", "GET /v1/sessions/stats", "GET /v1/runs"),
    *("GET /v1/usage", "GET /v1/mcp/audit"),
}
# What has nothing of any project in it.
ELSEWHERE = {
    *("GET /openapi.json", "GET /docs"),
    *("GET /", "GET /health", "GET /readiness", "GET /v1", "GET /metrics", "POST /v1/projects"),
    *("GET /v1/models", "GET /v1/models/capabilities", "GET /v1/models/{model_id}"),
    *("POST /v1/messages/count_tokens", "GET /v1/mcp/servers", "GET /v1/mcp/tools"),
    *("GET /v1/mcp/servers/{server_id}/tools", "GET /v1/mcp/servers/{server_id}/changes"),
    *(
        "POST /v1/mcp/servers/{server_id}/tools/{tool}/approve",
        "GET /v1/mcp/profiles",
        "GET /v1/budgets",
    ),
    *("GET /mcp", "DELETE /mcp", "GET /mcp/{server_id}", "DELETE /mcp/{server_id}"),
    "POST /mcp/{server_id}",  # the same handler as POST /mcp
    *(route for route in NEEDED if "/v1/admin/" in route),
}


@dataclass(frozen=True)
class Shared:
    """A project of Ada's with a session, a run and a response in it, and people around it."""

    ada: Caller
    project: Any
    session: Any
    run: Any
    response: Any
    owner: str

    def of(self, route: str, *, seen_by_owner: bool = False) -> str:
        """Return the id that a route is about, as guests call it unless its owner asks."""
        if "/runs/" in route:
            return str(self.run["id"])
        if "/responses/" in route:
            return str(self.response["id"])
        plain = str((self.project if "/projects/" in route else self.session)["id"])
        return plain if seen_by_owner else f"~{self.owner}~{plain}"

    @property
    def for_guests(self) -> Names:
        project, session = (
            f"~{self.owner}~{self.project['id']}",
            f"~{self.owner}~{self.session['id']}",
        )
        return Names(project, session, self.response["id"])

    @property
    def for_owner(self) -> Names:
        return Names(self.project["id"], self.session["id"], self.response["id"])

    async def admit(self, user: str, role: Role | None) -> None:
        path = f"/v1/projects/{self.project['id']}/members/{user}"
        if role is None:
            assert (await self.ada.ask("DELETE", path)).status in (204, 404)
        else:
            assert (await self.ada.ask("PUT", path, {"role": role})).status == 200


@dataclass(frozen=True)
class House:
    """Ada and Bob, users, and keys of Ada's for one project each."""

    issuing: Issuing
    admin: Caller
    ada: Caller
    bob: Caller
    ids: Mapping[str, str]

    async def shared(self) -> Shared:
        """Make another project of Ada's."""
        project = await self.ada.post("/v1/projects", name=f"{WORD} project")
        session = await self.ada.post("/v1/sessions", project_id=project["id"], title=WORD)
        said = {"model": MODEL, "session_id": session["id"], "messages": SAID}
        answer = await self.ada.ask("POST", CHAT, said)
        assert answer.status == 200, answer.body
        run = await self.ada.get(f"/v1/runs/{answer.header('x-run-id')}")
        given = {"model": MODEL, "input": WORD, "conversation": session["id"]}
        response = (await self.ada.ask("POST", "/v1/responses", given)).json
        return Shared(self.ada, project, session, run, response, self.ids["ada"])

    async def key(self, *projects: str, user: str = "ada") -> Caller:
        """Issue a key that reaches these projects only."""
        wanted = {"name": "narrow", "user": user, "projects": projects}
        made = await self.admin.post("/v1/admin/keys", **wanted)
        assert made["projects"] == sorted(projects)
        return Caller(self.admin.port, made["key"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(fake: FakeAnthropic) -> AsyncGenerator[House]:
    env = {
        "GATEWAY_AUTH": "required",
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": fake.url,
    }
    async with GatewayProcess(env) as gateway:
        issuing = Issuing(gateway)
        ids = {n: (await issuing.run("users", "create", n))["id"] for n in ("ada", "bob", "eve")}
        ada, bob = [await issuing.caller("--user", name, name=name) for name in ("ada", "bob")]
        scopes = ("--scopes", ",".join(SCOPES))
        admin = await issuing.caller("--user", "owner", *scopes, name="admin")
        yield House(issuing, admin, ada, bob, ids)
    assert gateway.exit_code == 0
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


async def everything(shared: Shared) -> object:
    """Read all that might have been changed, but for the members."""
    path = f"/v1/sessions/{shared.session['id']}"
    return (
        await shared.ada.get(f"/v1/projects/{shared.project['id']}"),
        await shared.ada.get(path),
        await shared.ada.get(f"{path}/messages"),
        await shared.ada.get(f"{path}/tools"),
        await shared.ada.get(f"/v1/sessions?project_id={shared.project['id']}"),
        await shared.ada.get(f"/v1/runs?session_id={shared.session['id']}"),
    )


async def named(caller: Caller, route: str, names: Names) -> Response:
    path, body, headers = asked(route, names)
    return await caller.ask("POST", path, body, headers)


def not_found(answer: Response) -> Any:
    """Read the answer to what does not exist; of a response there is no saying what is wrong with it."""
    status = 400 if answer.status == 400 else 404
    error = refused(answer, status)
    assert status == 404 or error["code"] == "previous_response_not_found"
    return error


async def test_s9_every_route_has_a_decision_about_projects(house: House) -> None:
    listed = set((await house.ada.get("/v1"))["endpoints"])
    in_bodies = {f"POST {path}" for path in PATHS.values()}
    assert set(ROLE_OF) == set(MATRIX)
    assert listed == {*ROLE_OF, *in_bodies, *LISTS, *ELSEWHERE}
    assert {f"{route.method} {route.path}" for route in ROUTES} <= listed


@pytest.mark.parametrize("route", ROLE_OF)
async def test_s8_s9_a_member_gets_as_far_as_their_role(
    house: House, upstream: FakeAnthropic, route: str
) -> None:
    shared, need = await house.shared(), ROLE_OF[route]
    thing, missing = shared.of(route), "none" if route.startswith("GET /v1/resp") else "~none~none"
    before, turns = await everything(shared), len(upstream.turns)
    stranger = not_found(await reach(house.bob, route, thing))
    assert stranger == not_found(await reach(house.bob, route, missing))
    for role in ROLES[: ROLES.index(need)]:
        await shared.admit(house.ids["bob"], role)
        error = refused(await reach(house.bob, route, thing), 403, "role_too_low")
        assert f"role {need}" in error["message"]
    await shared.admit(house.ids["bob"], None)
    assert not_found(await reach(house.bob, route, thing)) == stranger
    assert (await everything(shared), len(upstream.turns)) == (before, turns)
    await shared.admit(house.ids["bob"], need)
    answer = await reach(house.bob, route, thing)
    if route in NOTHING_THERE:
        assert refused(answer, 404)["message"] != stranger["message"]
    else:
        assert answer.status < 300, answer.body


# Found, but nothing in it is called so.
NOTHING_THERE = {
    "GET /v1/sessions/{id}/messages",
    "DELETE /v1/projects/{id}/members/{user}",
    "POST /v1/runs/{run_id}/approvals/{tool_call_id}",
}


@pytest.mark.parametrize("route", PATHS)
async def test_s9_naming_what_is_shared_needs_an_editor(
    house: House, upstream: FakeAnthropic, route: str
) -> None:
    shared = await house.shared()
    names = shared.for_guests
    before, turns = await everything(shared), len(upstream.turns)
    stranger = not_found(await named(house.bob, route, names))
    nothing = Names("~none~none", "~none~none", "resp_none")
    if route != "response after another":
        assert stranger == not_found(await named(house.bob, route, nothing))
    await shared.admit(house.ids["bob"], "viewer")
    error = refused(await named(house.bob, route, names), 403, "role_too_low")
    assert "role editor" in error["message"]
    await shared.admit(house.ids["bob"], None)
    assert not_found(await named(house.bob, route, names)) == stranger
    assert (await everything(shared), len(upstream.turns)) == (before, turns)
    await shared.admit(house.ids["bob"], "editor")
    answer = await named(house.bob, route, names)
    assert answer.status < 300, answer.body


@pytest.mark.parametrize("route", ROLE_OF)
async def test_s9_a_key_reaches_the_things_of_its_projects_only(
    house: House, upstream: FakeAnthropic, route: str
) -> None:
    shared = await house.shared()
    own, before = shared.of(route, seen_by_owner=True), await everything(shared)
    guests = shared.of(route)
    await shared.admit(house.ids["bob"], "owner")
    strangers = [await house.key("default"), await house.key(shared.for_guests.project)]
    for caller in strangers:
        missing = not_found(await reach(caller, route, "none"))
        assert not_found(await reach(caller, route, own)) == missing
    bobs = await house.key("default", shared.project["id"], user="bob")
    assert not_found(await reach(bobs, route, guests)) == not_found(
        await reach(bobs, route, "none" if guests[:1] != "~" else "~none~none")
    )
    assert await everything(shared) == before
    for caller, thing in (
        (await house.key(shared.for_guests.project, user="bob"), guests),
        (await house.key(shared.project["id"]), own),
    ):
        answer = await reach(caller, route, thing)
        assert answer.status < 300 or route in NOTHING_THERE or "DELETE" in route, answer.body


@pytest.mark.parametrize("route", PATHS)
async def test_s9_a_key_names_its_own_projects_only(
    house: House, upstream: FakeAnthropic, route: str
) -> None:
    shared = await house.shared()
    before, turns = await everything(shared), len(upstream.turns)
    await shared.admit(house.ids["bob"], "owner")
    for caller, names in (
        (await house.key("default"), shared.for_owner),
        (await house.key("default", shared.project["id"], user="bob"), shared.for_guests),
    ):
        answer = await named(caller, route, names)
        if answer.status == 403:  # in a project that a chat would make
            refused(answer, 403, "project_not_allowed", param="project_id")
        else:
            not_found(answer)
    assert (await everything(shared), len(upstream.turns)) == (before, turns)
    for caller, names in (
        (await house.key(shared.project["id"]), shared.for_owner),
        (await house.key(shared.for_guests.project, user="bob"), shared.for_guests),
    ):
        answer = await named(caller, route, names)
        assert answer.status < 300, answer.body


async def test_s9_lists_have_what_a_key_reaches_and_nothing_else(
    house: House, upstream: FakeAnthropic
) -> None:
    shared, other = await house.shared(), await house.shared()
    tool = {"server": "mcp_filesystem", "tool": "list_directory", "arguments": {"path": "."}}
    for one in (shared, other):
        call = {**tool, "session_id": one.session["id"]}
        assert (await house.ada.ask("POST", "/v1/mcp/tools/call", call)).status == 200
    key = await house.key(shared.project["id"])
    projects = (await key.get("/v1/projects"))["projects"]
    assert [one["id"] for one in projects] == [shared.project["id"]]
    for path in ("/v1/sessions", f"/v1/sessions?q={WORD}", "/v1/sessions?status=active"):
        sessions = await key.get(path)
        assert [one["id"] for one in sessions["sessions"]] == [shared.session["id"]]
        assert sessions["total"] == 1
    assert (await key.get(f"/v1/sessions?project_id={other.project['id']}"))["total"] == 0
    assert (await key.get(f"/v1/runs?session_id={other.session['id']}"))["total"] == 0
    runs = (await key.get("/v1/runs"))["runs"]
    assert {one["session_id"] for one in runs} == {shared.session["id"]}
    stats = await key.get("/v1/sessions/stats")
    assert (stats["active_sessions"], stats["total_runs"]) == (1, len(runs))
    usage = await key.get("/v1/usage?group_by=project")
    assert [row["project"] for row in usage["data"]] == [shared.project["id"]]
    assert usage["sum"]["runs"] == len(runs)
    refused(await key.ask("GET", f"/v1/usage?owner={house.ids['bob']}"), 403, "project_not_allowed")
    calls = (await key.get("/v1/mcp/audit"))["entries"]
    assert [one["session_id"] for one in calls] == [shared.session["id"]]
    none = await house.key("nothing")
    for path in ("/v1/projects", "/v1/sessions", f"/v1/sessions?q={WORD}", "/v1/runs"):
        assert (await none.get(path))["total"] == 0


async def test_s9_a_key_makes_nothing_outside_of_its_projects(
    house: House, upstream: FakeAnthropic
) -> None:
    shared = await house.shared()
    key, several = await house.key(shared.project["id"]), await house.key("one", "two")
    error = refused(
        await key.ask("POST", "/v1/projects", {"name": "x"}), 403, "project_not_allowed"
    )
    assert shared.project["id"] in error["message"]
    made = {"project_id": "elsewhere", "create_project": True}
    refused(await key.ask("POST", "/v1/sessions", made), 403, "project_not_allowed")
    session = await key.post("/v1/sessions")  # it has but one place to be in
    assert session["project_id"] == shared.project["id"]
    said = {"model": MODEL, "session_id": "invented-here", "messages": SAID}
    assert (await key.ask("POST", CHAT, said)).json["project_id"] == shared.project["id"]
    refused(
        await several.ask("POST", CHAT, {**said, "session_id": "anew"}), 403, param="project_id"
    )
    refused(await several.ask("POST", "/v1/sessions", {}), 403, "project_not_allowed")
    chat = await several.ask("POST", CHAT, {**said, "session_id": "anew", "project_id": "two"})
    assert (chat.status, chat.json["project_id"]) == (200, "two")
    # An id that is taken where the key does not reach is not told of.
    refused(await several.ask("POST", CHAT, {**said, "project_id": "two"}), 404)
    moved = await key.ask("PATCH", f"/v1/sessions/{session['id']}", {"project_id": "default"})
    refused(moved, 404, param="project_id")


async def test_s9_a_turn_in_no_project_is_seen_by_the_key_that_asked(
    house: House, upstream: FakeAnthropic
) -> None:
    key, other = await house.key("default"), await house.key("default")
    said = {"model": MODEL, "on_disconnect": "detach", "messages": SAID}
    answer = await key.ask("POST", CHAT, said)
    path = f"/v1/runs/{answer.header('x-run-id')}"
    assert (await key.get(path))["session_id"] is None
    refused(await other.ask("GET", path), 404)
    assert (await house.ada.get(path))["id"] == answer.header("x-run-id")


async def test_a_member_is_shown_addresses_and_may_use_whatever_they_are_shown(
    house: House, upstream: FakeAnthropic
) -> None:
    shared = await house.shared()
    await shared.admit("bob", "editor")
    project = next(
        one
        for one in (await house.bob.get("/v1/projects"))["projects"]
        if one["id"] == shared.for_guests.project
    )
    assert (project["owner"], project["role"]) == (house.ids["ada"], "editor")
    assert "role" not in await house.ada.get(f"/v1/projects/{shared.project['id']}")
    (session,) = (await house.bob.get(f"/v1/sessions?project_id={project['id']}"))["sessions"]
    assert session["id"] == shared.for_guests.session
    said = {"model": MODEL, "session_id": session["id"], "messages": SAID}
    answer = await house.bob.ask("POST", CHAT, said)
    assert (answer.json["session_id"], answer.json["project_id"]) == (session["id"], project["id"])
    run = await house.bob.get(f"/v1/runs/{answer.header('x-run-id')}")
    assert (run["session_id"], run["project_id"]) == (session["id"], project["id"])
    for path in (f"/v1/sessions/{session['id']}", f"/v1/runs?session_id={session['id']}"):
        assert f'"{shared.session["id"]}"'.encode() not in (await house.bob.ask("GET", path)).body
    new = await house.bob.post("/v1/sessions", project_id=project["id"])
    fork = await house.bob.ask("POST", f"/v1/sessions/{new['id']}/fork")
    assert fork.json["project_id"] == project["id"]
    assert fork.json["parent_id"] == new["id"]
    export = await house.bob.get(f"/v1/sessions/{session['id']}/export")
    assert export["session"]["id"] == export["messages"][0]["session_id"] == session["id"]
    begun = await house.bob.ask(
        "POST", CHAT, {**said, "session_id": None, "project_id": project["id"]}
    )
    plain = begun.json["session_id"].rpartition("~")[2]
    assert (await house.ada.get(f"/v1/sessions/{plain}"))["project_id"] == shared.project["id"]


async def test_s9_what_is_shared_never_stands_in_the_way_of_ones_own(
    house: House, upstream: FakeAnthropic
) -> None:
    said = {"model": MODEL, "session_id": "talk", "project_id": "plans", "messages": SAID}
    assert (await house.ada.ask("POST", CHAT, said)).status == 200
    path = f"/v1/projects/plans/members/{house.ids['bob']}"
    assert (await house.ada.ask("PUT", path, {"role": "owner"})).status == 200
    private = {**said, "messages": [{"role": "user", "content": "Bob's secret"}]}
    assert (await house.bob.ask("POST", CHAT, private)).json["session_id"] == "talk"
    mine = await house.bob.get("/v1/sessions/talk/messages")
    assert mine["messages"][0]["content"] == "Bob's secret"
    hers = await house.ada.get("/v1/sessions/talk/messages")
    assert [m["content"] for m in hers["messages"]].count("Bob's secret") == 0
    theirs = await house.bob.get(f"/v1/sessions/~{house.ids['ada']}~talk/messages")
    assert theirs["messages"][0]["content"] == WORD
    made_up = {**said, "session_id": "made-up", "project_id": f"~{house.ids['ada']}~plans"}
    refused(await house.bob.ask("POST", CHAT, made_up), 404, param="session_id")
    refused(
        await house.bob.ask("PATCH", "/v1/sessions/talk", {"project_id": made_up["project_id"]}),
        404,
    )


async def test_who_chats_in_a_shared_project_pays(house: House, upstream: FakeAnthropic) -> None:
    shared = await house.shared()
    await shared.admit("bob", "editor")

    async def used(caller: Caller) -> dict[str, int]:
        rows = (await caller.get("/v1/usage?group_by=project"))["data"]
        return {row["project"]: row["runs"] for row in rows}

    adas, bobs = await used(house.ada), await used(house.bob)
    said = {"model": MODEL, "session_id": shared.for_guests.session, "messages": SAID}
    assert (await house.bob.ask("POST", CHAT, said)).status == 200
    assert await used(house.ada) == adas
    assert await used(house.bob) == bobs | {shared.for_guests.project: 1}
    session = await house.ada.get(f"/v1/sessions/{shared.session['id']}")
    before = shared.session["total_tokens"]
    assert session["total_tokens"] > before


async def test_what_a_member_made_stays_in_the_project_when_they_are_gone(
    house: House, upstream: FakeAnthropic
) -> None:
    shared = await house.shared()
    await shared.admit("bob", "editor")
    made = await house.bob.post("/v1/sessions", project_id=shared.for_guests.project, title="Bob's")
    assert (
        await house.bob.ask("PATCH", f"/v1/sessions/{made['id']}", {"title": "Ours"})
    ).status == 200
    path = f"/v1/projects/{shared.for_guests.project}/members/{house.ids['bob']}"
    assert (await house.bob.ask("DELETE", path)).status == 204  # of their own accord
    refused(await house.bob.ask("GET", f"/v1/sessions/{made['id']}"), 404)
    assert (await house.bob.get("/v1/sessions?q=Ours"))["total"] == 0
    plain = made["id"].rpartition("~")[2]
    assert (await house.ada.get(f"/v1/sessions/{plain}"))["title"] == "Ours"


async def test_s8_somebody_who_is_let_in_no_more_is_shown_no_more(
    house: House, upstream: FakeAnthropic
) -> None:
    shared, go_on = await house.shared(), asyncio.Event()
    await shared.admit("bob", "viewer")
    start, *rest = text_stream("here it is")
    turns = len(upstream.turns)
    upstream.script(Stream([start, go_on, *rest]))
    said = {"model": MODEL, "session_id": shared.session["id"], "messages": SAID, "stream": True}
    async with Connection(house.ada.port) as hers:
        await hers.send(request("POST", CHAT, said, {"x-api-key": house.ada.key}))
        await upstream.wait_turns(turns + 1, timeout=10)
        (run,) = (await house.ada.get("/v1/runs?status=running"))["runs"]
        path = f"/v1/runs/{run['id']}/events"
        async with Connection(house.bob.port) as his:
            await his.send(request("GET", path, headers={"x-api-key": house.bob.key}))
            assert (await his.head()).status == 200
            assert b'"role":"assistant"' in await his.chunk()  # he is shown what there is
            await shared.admit("bob", None)
            assert b"There is no such run" in await his.chunk()
        refused(await house.bob.ask("GET", path), 404)
        go_on.set()
        assert await end_of(house.ada, run["id"]) == "completed"


async def test_s9_tools_in_a_shared_session_are_called_in_the_name_of_who_asked(
    house: House, upstream: FakeAnthropic
) -> None:
    shared = await house.shared()
    eve = await house.issuing.caller("--user", "eve", name="eve")
    for user in ("bob", "eve"):
        await shared.admit(user, "editor")
    call = tool_use("mcp_filesystem__list_directory", '{"path":"."}', id="toolu_1")
    upstream.script(answering(call, stop_reason="tool_use"), answering(text("Done.")))
    tools = {"enabled_servers": ["mcp_filesystem"], "approval": "always"}
    said = {"model": MODEL, "session_id": shared.for_guests.session, "messages": SAID}
    chat = asyncio.create_task(house.bob.ask("POST", CHAT, {**said, "mcp": tools}))
    run_id = await waiting(house.ada, shared.session["id"])
    path = f"/v1/runs/{run_id}/approvals/toolu_1"
    # Another editor may not let it happen in Bob's name, and Bob not for whoever chats there later.
    refused(await eve.ask("POST", path, {"decision": "approve"}), 403, "role_too_low")
    remember = {"decision": "approve", "remember": "session"}
    refused(await house.bob.ask("POST", path, remember), 403, "role_too_low")
    assert (await house.bob.ask("POST", path, {"decision": "approve"})).status == 200
    assert (await chat).json["choices"][0]["message"]["content"] == "Done."
    executions = await house.ada.get(f"/v1/sessions/{shared.session['id']}/tools")
    assert [one["status"] for one in executions["executions"]] == ["completed"]
    (entry,) = [
        one for one in (await house.bob.get("/v1/mcp/audit"))["entries"] if one["run_id"] == run_id
    ]
    assert (entry["principal"], entry["session_id"]) == (
        house.ids["bob"],
        shared.for_guests.session,
    )
    usage = (await house.bob.get("/v1/usage?group_by=project"))["data"]
    assert shared.for_guests.project in [row["project"] for row in usage]


async def waiting(caller: Caller, session_id: str) -> str:
    """Wait for a run of the session to wait for somebody, and return its id."""
    path = f"/v1/runs?session_id={session_id}&status=awaiting_approval"
    async with asyncio.timeout(10):
        while not (runs := (await caller.get(path))["runs"]):
            await asyncio.sleep(0.02)
    return str(runs[0]["id"])


async def end_of(caller: Caller, run_id: str) -> str:
    """Wait for the end of a run, and return its status."""
    async with asyncio.timeout(10):
        while (status := (await caller.get(f"/v1/runs/{run_id}"))["status"]) == "running":
            await asyncio.sleep(0.02)
    return str(status)


async def test_s9_members_are_users_that_there_are(house: House) -> None:
    shared = await house.shared()
    path = f"/v1/projects/{shared.project['id']}/members"
    refused(await house.ada.ask("PUT", f"{path}/nobody", {"role": "viewer"}), 404, "user_not_found")
    refused(await house.ada.ask("PUT", f"{path}/bob", {"role": "king"}), 400, param="role")
    refused(await house.ada.ask("PUT", f"{path}/bob", {}), 400, param="role")
    refused(await house.ada.ask("PUT", f"{path}/ada", {"role": "viewer"}), 400, param="user")
    default = "/v1/projects/default/members/bob"
    refused(await house.ada.ask("PUT", default, {"role": "viewer"}), 409, "default_project")
    loner = await house.issuing.run("keys", "create", "--name", "loner")
    for name in ("bob", loner["id"]):
        assert (await house.ada.ask("PUT", f"{path}/{name}", {"role": "viewer"})).status == 200
    told = await house.ada.get(path)
    assert told["owner"] == house.ids["ada"]
    assert {one["user"] for one in told["members"]} == {house.ids["bob"], loner["id"]}
    key = Caller(house.ada.port, loner["key"])
    assert (await key.get(f"/v1/projects/{shared.for_guests.project}"))["role"] == "viewer"
    # Whoever may not share is not told which users there are.
    for name in ("eve", "nobody"):
        place = f"/v1/projects/{shared.for_guests.project}/members/{name}"
        for method in ("PUT", "DELETE"):
            refused(await house.bob.ask(method, place, {"role": "viewer"}), 403, "role_too_low")


async def test_s8_a_member_leaves_by_name_or_by_id_and_takes_nobody_else_along(
    house: House,
) -> None:
    shared = await house.shared()
    await shared.admit("eve", "viewer")
    place = f"/v1/projects/{shared.for_guests.project}"
    for called in ("bob", house.ids["bob"]):
        await shared.admit("bob", "viewer")
        refused(await house.bob.ask("DELETE", f"{place}/members/eve"), 403, "role_too_low")
        assert (await house.bob.ask("DELETE", f"{place}/members/{called}")).status == 204
        refused(await house.bob.ask("GET", place), 404)
        refused(await house.bob.ask("DELETE", f"{place}/members/{called}"), 404)
    left = await shared.ada.get(f"/v1/projects/{shared.project['id']}/members")
    assert [one["user"] for one in left["members"]] == [house.ids["eve"]]


async def test_a_budget_of_a_shared_project_holds_for_whoever_asks_in_it(house: House) -> None:
    shared = await house.shared()
    await shared.admit(house.ids["bob"], "editor")
    project, owner = shared.project["id"], shared.owner
    budget = f"/v1/admin/budgets/project/{project}/total?owner={owner}"
    assert (await house.admin.ask("PUT", budget, {"limit": 0})).status in (200, 201)
    said = {"model": MODEL, "session_id": shared.for_guests.session, "messages": SAID}
    answer = await house.bob.ask("POST", CHAT, said)
    assert (answer.status, answer.json["error"]["code"]) == (429, "budget_exceeded")
    assert (await house.bob.ask("POST", CHAT, {"model": MODEL, "messages": SAID})).status == 200
    assert (await house.admin.ask("PUT", budget, {"limit": 1})).status in (200, 201)
    assert (await house.bob.ask("POST", CHAT, said)).status == 200
    async with asyncio.timeout(5):
        while not float((await house.admin.get(budget))["spent"]):
            await asyncio.sleep(0.05)
