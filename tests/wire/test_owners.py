"""Two keys are two owners: whatever is one's does not exist for the other.

The matrix is made from the table of routes: a route with an id in it that nobody has thought of here
fails the first test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway.testing.raw import Response, refused
from claude_gateway.web.app import ROUTES

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORD = "Xylophone"


@dataclass(frozen=True)
class Try:
    """How somebody might reach for another's thing: a body, and a query."""

    body: Mapping[str, object] | None = None
    query: str = ""


# Routes with an id of something that somebody owns.
MATRIX: Mapping[str, Try] = {
    "GET /v1/projects/{id}": Try(),
    "PATCH /v1/projects/{id}": Try({"name": "Taken"}),
    "DELETE /v1/projects/{id}": Try(),
    "GET /v1/projects/{id}/members": Try(),
    "PUT /v1/projects/{id}/members/{user}": Try({"role": "viewer"}),
    "DELETE /v1/projects/{id}/members/{user}": Try(),
    "GET /v1/sessions/{id}": Try(),
    "PATCH /v1/sessions/{id}": Try({"title": "Taken", "system_prompt": "Taken"}),
    "DELETE /v1/sessions/{id}": Try(),
    "POST /v1/sessions/{id}/fork": Try({}),
    "GET /v1/sessions/{id}/export": Try(query="?format=markdown"),
    "GET /v1/sessions/{id}/messages": Try(query="?after=msg_1"),
    "POST /v1/sessions/{id}/messages": Try({"role": "user", "content": "Taken"}),
    "GET /v1/sessions/{id}/tools": Try(),
    "POST /v1/sessions/{id}/tools": Try({"tools": ["taken"]}),
    "PUT /v1/sessions/{id}/tools": Try({"audit_log": True}),
    "GET /v1/chat/completions/{session_id}/status": Try(),
    "DELETE /v1/chat/completions/{session_id}": Try(),
    "GET /v1/runs/{run_id}": Try(),
    "GET /v1/runs/{run_id}/cost": Try(),
    "GET /v1/runs/{run_id}/events": Try(query="?after=0"),
    "POST /v1/runs/{run_id}/cancel": Try(),
    "POST /v1/runs/{run_id}/approvals/{tool_call_id}": Try({"decision": "approve"}),
    "GET /v1/responses/{response_id}": Try(),
    "POST /v1/responses/{response_id}/cancel": Try(),
}
# Ids that are nobody's.
OWNED_BY_NOBODY = {
    "GET /v1/models/{model_id}",
    "GET /v1/admin/keys/{id}",
    "PATCH /v1/admin/keys/{id}",
    "DELETE /v1/admin/keys/{id}",
    "POST /v1/admin/keys/{id}/rotate",
    "GET /v1/admin/users/{id}",
    "PATCH /v1/admin/users/{id}",
    "GET /v1/admin/budgets/{kind}/{subject}/{period}",
    "PUT /v1/admin/budgets/{kind}/{subject}/{period}",
    "DELETE /v1/admin/budgets/{kind}/{subject}/{period}",
    "GET /v1/mcp/servers/{server_id}/tools",
    "GET /v1/mcp/servers/{server_id}/changes",
    "POST /v1/mcp/servers/{server_id}/tools/{tool}/approve",
    "POST /mcp/{server_id}",  # its sessions are in a header: tests/wire/mcp
    "GET /mcp/{server_id}",
    "DELETE /mcp/{server_id}",
}


@dataclass(frozen=True)
class Things:
    """What somebody has."""

    project: Any
    session: Any
    message: Any
    run: Any
    response: Any

    def of(self, route: str) -> str:
        """Return the id that this route is about."""
        if "/runs/" in route:
            return str(self.run["id"])
        if "/responses/" in route:
            return str(self.response["id"])
        return str((self.project if "/projects/" in route else self.session)["id"])


async def things_of(caller: Caller) -> Things:
    project = await caller.post("/v1/projects", name=f"{WORD} project")
    session = await caller.post("/v1/sessions", project_id=project["id"], title=WORD)
    path = f"/v1/sessions/{session['id']}/messages"
    message = await caller.post(path, role="user", content=f"{WORD} message")
    response = await caller.ask("POST", "/v1/responses", {"model": "sonnet", "input": WORD})
    return Things(project, session, message, await run_of(caller), response.json)


async def run_of(caller: Caller) -> Any:
    """Take a turn in a session of its own."""
    body = {
        "model": "sonnet",
        "project_id": "default",
        "messages": [{"role": "user", "content": WORD}],
    }
    answer = await caller.ask("POST", "/v1/chat/completions", body)
    assert answer.status == 200, answer.body
    return await caller.get(f"/v1/runs/{answer.header('x-run-id')}")


async def reach(caller: Caller, route: str, id_: str) -> Response:
    method, path = route.split(" ")
    tried = MATRIX[route]
    body = b"" if tried.body is None else tried.body
    name = path[path.index("{") : path.index("}") + 1]
    return await caller.ask(
        method,
        path.replace(name, id_).replace("{tool_call_id}", "toolu_1").replace("{user}", "owner")
        + tried.query,
        body,
    )


async def test_s8_every_route_with_an_id_is_in_the_matrix() -> None:
    with_ids = {f"{route.method} {route.path}" for route in ROUTES if "{" in route.path}
    assert with_ids - OWNED_BY_NOBODY == set(MATRIX)


@pytest.mark.parametrize("route", MATRIX)
async def test_s9_somebody_elses_is_answered_as_what_does_not_exist(
    caller: Caller, other: Caller, route: str
) -> None:
    things = await things_of(caller)
    theirs = await reach(other, route, things.of(route))
    missing = await reach(other, route, "none")
    assert refused(theirs, 404, "not_found") == refused(missing, 404, "not_found")
    assert await everything(caller, things) == things


async def everything(caller: Caller, things: Things) -> Things:
    """Read it all again."""
    path = f"/v1/sessions/{things.session['id']}"
    session = await caller.get(path)
    (message,) = (await caller.get(f"{path}/messages"))["messages"]
    again = {"message_count": 1, "updated_at": session["updated_at"]}
    assert session == things.session | again
    project = await caller.get(f"/v1/projects/{things.project['id']}")
    run = await caller.get(f"/v1/runs/{things.run['id']}")
    response = await caller.get(f"/v1/responses/{things.response['id']}")
    return Things(project, things.session, message, run, response)


async def test_s9_nothing_of_somebody_elses_is_listed_found_or_counted(
    caller: Caller, other: Caller
) -> None:
    things = await things_of(caller)
    projects = await other.get("/v1/projects")
    assert [project["id"] for project in projects["projects"]] == ["default"]
    for path in (
        "/v1/sessions",
        f"/v1/sessions?q={WORD}",
        f"/v1/projects?q={WORD}",
        f"/v1/sessions?project_id={things.project['id']}",
        "/v1/sessions?status=active",
        "/v1/runs",
        f"/v1/runs?session_id={things.run['session_id']}",
    ):
        assert (await other.get(path))["total"] == 0
        assert (await caller.get(path))["total"]
    stats = await other.get("/v1/sessions/stats")
    assert (stats["active_sessions"], stats["total_messages"]) == (0, 0)


async def test_s9_nothing_can_be_put_into_somebody_elses(caller: Caller, other: Caller) -> None:
    things = await things_of(caller)
    fields = {"project_id": things.project["id"]}
    mine = await other.post("/v1/sessions")
    for method, path in (("POST", "/v1/sessions"), ("PATCH", f"/v1/sessions/{mine['id']}")):
        theirs = await other.ask(method, path, fields)
        missing = await other.ask(method, path, {"project_id": "none"})
        assert refused(theirs, 404, param="project_id") == refused(missing, 404)
    path = f"/v1/sessions/{mine['id']}"
    fork = {"up_to": things.message["id"]}
    refused(await other.ask("POST", f"{path}/fork", fork), 404, param="up_to")
    after = f"{path}/messages?after={things.message['id']}"
    refused(await other.ask("GET", after), 404, param="after")


async def test_s9_somebody_elses_session_id_is_a_session_of_ones_own(
    caller: Caller, other: Caller
) -> None:
    things = await things_of(caller)
    body = {
        "model": "sonnet",
        "session_id": things.session["id"],
        "messages": [{"role": "user", "content": "Mine"}],
    }
    answer = await other.ask("POST", "/v1/chat/completions", body)
    assert answer.json["session_id"] == things.session["id"]
    path = f"/v1/sessions/{things.session['id']}/messages"
    assert (await other.get(path))["messages"][0]["content"] == "Mine"
    assert [m["content"] for m in (await caller.get(path))["messages"]] == [f"{WORD} message"]
    run = await caller.ask("GET", f"/v1/runs/{answer.header('x-run-id')}")
    refused(run, 404, "not_found")


async def test_s9_everybody_has_a_default_project_of_their_own(
    caller: Caller, other: Caller
) -> None:
    await caller.ask("PATCH", "/v1/projects/default", {"name": WORD})
    assert (await other.get("/v1/projects/default"))["name"] == "Default"
