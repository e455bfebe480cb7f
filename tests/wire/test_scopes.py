"""Every route, tried with a key of every single scope, on what is its user's and on what is not.

The routes are those that the running gateway lists, plugins' included: one of which nobody has decided
here what it needs fails the first test.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from claude_gateway import Key, User
from claude_gateway.access.keyring import Keyring
from claude_gateway.cli.start import known_settings, load_plugins
from claude_gateway.key_stores import as_key_store
from claude_gateway.registry import open_store
from claude_gateway.settings import Settings
from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import Response, refused
from claude_gateway.types.principals import SCOPES, Scope
from claude_gateway.web.app import ROUTES
from tests.wire.conftest import Caller
from tests.wire.test_owners import MATRIX, Things, reach, things_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

PUBLIC: frozenset[str] = frozenset()
READ, CHAT, TOOLS = {"read", "chat"}, {"chat"}, {"tools"}
SEES = {"read", "chat", "tools", "mcp:manage"}
NEEDED: Mapping[str, set[str] | frozenset[str]] = {
    "GET /": PUBLIC,
    "GET /health": PUBLIC,
    "GET /readiness": PUBLIC,
    "GET /v1": {"read", "chat", "tools", "mcp:manage", "admin"},
    "GET /openapi.json": {"read", "chat", "tools", "mcp:manage", "admin"},
    "GET /docs": {"read", "chat", "tools", "mcp:manage", "admin"},
    "GET /metrics": READ,
    "GET /v1/models": READ,
    "GET /v1/models/capabilities": READ,
    "GET /v1/models/{model_id}": READ,
    "POST /v1/chat/completions": CHAT,
    "GET /v1/chat/completions/{session_id}/status": READ,
    "DELETE /v1/chat/completions/{session_id}": CHAT,
    "POST /v1/responses": CHAT,
    "GET /v1/responses/{response_id}": READ,
    "POST /v1/responses/{response_id}/cancel": CHAT,
    "POST /v1/messages": CHAT,
    "POST /v1/messages/count_tokens": CHAT,
    "GET /v1/runs": READ,
    "GET /v1/runs/{run_id}": READ,
    "GET /v1/runs/{run_id}/cost": READ,
    "GET /v1/runs/{run_id}/events": READ,
    "POST /v1/runs/{run_id}/cancel": CHAT,
    "POST /v1/runs/{run_id}/approvals/{tool_call_id}": TOOLS,
    "GET /v1/usage": {"read", "chat", "admin"},
    "POST /v1/projects": CHAT,
    "GET /v1/projects": READ,
    "GET /v1/projects/{id}": READ,
    "PATCH /v1/projects/{id}": CHAT,
    "DELETE /v1/projects/{id}": CHAT,
    "GET /v1/projects/{id}/members": READ,
    "PUT /v1/projects/{id}/members/{user}": CHAT,
    "DELETE /v1/projects/{id}/members/{user}": CHAT,
    "POST /v1/sessions": CHAT,
    "GET /v1/sessions": READ,
    "GET /v1/sessions/stats": READ,
    "GET /v1/sessions/{id}": READ,
    "PATCH /v1/sessions/{id}": CHAT,
    "DELETE /v1/sessions/{id}": CHAT,
    "POST /v1/sessions/{id}/fork": CHAT,
    "GET /v1/sessions/{id}/export": READ,
    "GET /v1/sessions/{id}/messages": READ,
    "POST /v1/sessions/{id}/messages": CHAT,
    "GET /v1/sessions/{id}/tools": READ,
    "POST /v1/sessions/{id}/tools": CHAT,
    "PUT /v1/sessions/{id}/tools": CHAT,
    "GET /v1/mcp/servers": SEES,
    "GET /v1/mcp/servers/{server_id}/tools": SEES,
    "GET /v1/mcp/servers/{server_id}/changes": {"mcp:manage"},
    "POST /v1/mcp/servers/{server_id}/tools/{tool}/approve": {"mcp:manage"},
    "GET /v1/mcp/tools": SEES,
    "POST /v1/mcp/tools/call": TOOLS,
    "POST /v1/mcp/tools/fanout": TOOLS,
    "GET /v1/mcp/profiles": SEES,
    "GET /v1/mcp/audit": {"read", "chat", "mcp:manage"},
    "POST /v1/admin/keys": {"admin"},
    "GET /v1/admin/keys": {"admin"},
    "GET /v1/admin/keys/{id}": {"admin"},
    "PATCH /v1/admin/keys/{id}": {"admin"},
    "DELETE /v1/admin/keys/{id}": {"admin"},
    "POST /v1/admin/keys/{id}/rotate": {"admin"},
    "GET /v1/budgets": {"read", "chat", "admin"},
    "GET /v1/admin/budgets": {"admin"},
    "GET /v1/admin/budgets/{kind}/{subject}/{period}": {"admin"},
    "PUT /v1/admin/budgets/{kind}/{subject}/{period}": {"admin"},
    "DELETE /v1/admin/budgets/{kind}/{subject}/{period}": {"admin"},
    "POST /v1/admin/users": {"admin"},
    "GET /v1/admin/users": {"admin"},
    "GET /v1/admin/users/{id}": {"admin"},
    "PATCH /v1/admin/users/{id}": {"admin"},
    "POST /mcp": TOOLS,
    "GET /mcp": TOOLS,
    "DELETE /mcp": TOOLS,
    "POST /mcp/{server_id}": TOOLS,
    "GET /mcp/{server_id}": TOOLS,
    "DELETE /mcp/{server_id}": TOOLS,
}


NOTHING_THERE = {"GET /v1/sessions/{id}/messages", "DELETE /v1/projects/{id}/members/{user}"}


@dataclass(frozen=True)
class People:
    """Two users: Ada with a key of every single scope, and one of all; Eve with one of all."""

    scoped: Mapping[Scope, Caller]
    ada: Caller
    eve: Caller
    nobody: Caller
    fenced: Caller


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(
        env | {"GATEWAY_AUTH": "required", "GATEWAY_WRONG_KEYS": "0"}
    ) as gateway:
        yield gateway
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(strict: GatewayProcess) -> People:
    plugins = load_plugins({})
    data = {"GATEWAY_DATA_DIR": str(strict.folder / "data")}
    settings = Settings.read(data, known_settings(plugins))
    async with open_store(plugins, settings, "auto") as store:
        keeper = as_key_store(store)
        assert keeper is not None
        keyring = Keyring(keeper)
        ada, eve = [await keyring.add_user(name) for name in ("ada", "eve")]

        async def caller(
            user: User, *scopes: Scope, models: frozenset[str] | None = None
        ) -> Caller:
            key = Key("", "key", "", 0.0, user.id, frozenset(scopes), models)
            return Caller(strict.port, (await keyring.issue(key))[1].reveal())

        return People(
            {scope: await caller(ada, scope) for scope in SCOPES},
            await caller(ada, *SCOPES),
            await caller(eve, *SCOPES),
            Caller(strict.port, ""),
            await caller(ada, "chat", models=frozenset({"haiku", "claude-opus-*"})),
        )


async def tried(caller: Caller, route: str) -> Response:
    """Ask for it, whatever comes of that."""
    method, path = route.split(" ")
    names = ("session_id", "response_id", "run_id", "tool_call_id", "model_id", "id", "tool")
    for name in (*names, "user", "kind", "subject", "period"):
        path = path.replace(f"{{{name}}}", "none")
    path = path.replace("{server_id}", "mcp_filesystem")
    return await caller.ask(method, path, b"{}" if method in ("POST", "PUT", "PATCH") else b"")


async def test_s2_s3_every_route_has_a_decision(people: People) -> None:
    listed = (await people.ada.get("/v1"))["endpoints"]
    assert set(listed) == set(NEEDED)
    assert {f"{route.method} {route.path}" for route in ROUTES} <= set(NEEDED)
    assert all(route.rule.public or route.rule.scopes for route in ROUTES)


@pytest.mark.parametrize("route", NEEDED)
async def test_s3_a_key_gets_as_far_as_its_scopes(
    people: People, upstream: FakeAnthropic, route: str
) -> None:
    for scope, caller in people.scoped.items():
        answer = await tried(caller, route)
        if NEEDED[route] == PUBLIC or scope in NEEDED[route]:
            assert answer.status not in (401, 403), (scope, answer.body)
        else:
            error = refused(answer, 403, "insufficient_scope")
            assert error["type"] == "permission_error"
            assert any(needed in error["message"] for needed in NEEDED[route])
    assert upstream.turns == []


@pytest.mark.parametrize("route", MATRIX)
async def test_s3_s9_a_scope_opens_what_is_ones_own_and_nothing_of_anybody_elses(
    people: People, upstream: FakeAnthropic, route: str
) -> None:
    hers, theirs = await things_of(people.ada), await things_of(people.eve)
    for scope, caller in people.scoped.items():
        foreign = await reach(caller, route, theirs.of(route))
        if scope not in NEEDED[route]:
            # Nothing is told of whether it is there, and nothing is done to it.
            assert refused(foreign, 403, "insufficient_scope") == refused(
                await reach(caller, route, hers.of(route)), 403
            )
            continue
        assert refused(foreign, 404) == refused(await reach(caller, route, "none"), 404)
        own = await reach(caller, route, hers.of(route))
        if "/approvals/" in route or route in NOTHING_THERE:
            # Found, but no call of this run waits for anybody, and nothing in it is called like that.
            assert refused(own, 404)["message"] != refused(foreign, 404)["message"]
        else:
            assert own.status < 300, own.body
    await assert_untouched(people.eve, theirs)


async def assert_untouched(caller: Caller, things: Things) -> None:
    session = await caller.get(f"/v1/sessions/{things.session['id']}")
    assert (session["title"], session["message_count"]) == (things.session["title"], 1)
    project = await caller.get(f"/v1/projects/{things.project['id']}")
    assert project["name"] == things.project["name"]
    assert await caller.get(f"/v1/runs/{things.run['id']}") == things.run


@pytest.mark.parametrize("route", [route for route, needed in NEEDED.items() if needed != PUBLIC])
async def test_s2_s3_without_a_key_nothing_opens(people: People, route: str) -> None:
    refused(await tried(people.nobody, route), 401)


async def test_s9_a_key_without_tools_chats_without_them(
    people: People, upstream: FakeAnthropic
) -> None:
    body = {
        "model": "sonnet",
        "messages": [{"role": "user", "content": "Hello"}],
        "mcp": {"enabled_servers": ["mcp_filesystem"]},
    }
    assert (await people.ada.ask("POST", "/v1/chat/completions", body)).status == 200
    assert (await people.scoped["chat"].ask("POST", "/v1/chat/completions", body)).status == 200
    with_tools, without = upstream.turns
    assert with_tools.json["tools"]
    assert "tools" not in without.json


async def test_s9_the_audit_log_of_everybody_is_for_who_manages_tools(people: People) -> None:
    call = {
        "server": "mcp_filesystem",
        "tool": "list_directory",
        "arguments": {"path": "/workspace"},
    }
    assert (await people.eve.ask("POST", "/v1/mcp/tools/call", call)).status == 200
    assert (await people.scoped["mcp:manage"].get("/v1/mcp/audit"))["total"] >= 1
    assert (await people.scoped["read"].get("/v1/mcp/audit"))["total"] == 0


MODEL_CALLS: Mapping[str, Mapping[str, object]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "/v1/messages/count_tokens": {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/responses": {"input": "Hi"},
    "/v1/sessions": {},
}


@pytest.mark.parametrize("path", MODEL_CALLS)
async def test_s3_a_key_asks_its_own_models_only(
    people: People, upstream: FakeAnthropic, path: str
) -> None:
    for model in ("haiku", "opus"):
        answer = await people.fenced.ask("POST", path, {"model": model, **MODEL_CALLS[path]})
        assert answer.status in (200, 201), answer.body
    asked = len(upstream.turns)
    for model in ("sonnet", "claude-sonnet-5-5", "claude-not-known-yet"):
        answer = await people.fenced.ask("POST", path, {"model": model, **MODEL_CALLS[path]})
        error = refused(answer, 403, "model_not_allowed", param="model")
        assert "claude-opus-*, haiku" in error["message"]
    assert len(upstream.turns) == asked


async def test_s3_a_key_is_shown_its_own_models_only(people: People) -> None:
    everything = {model["id"] for model in (await people.ada.get("/v1/models"))["data"]}
    shown = {model["id"] for model in (await people.fenced.get("/v1/models"))["data"]}
    able = {m["id"] for m in (await people.fenced.get("/v1/models/capabilities"))["models"]}
    native = await people.fenced.ask("GET", "/v1/models", b"", {"anthropic-version": "2023-06-01"})
    assert shown == able == {model["id"] for model in json.loads(native.body)["data"]}
    assert shown < everything
    assert {id_.split("-")[1] for id_ in shown} == {"haiku", "opus"}
    refused(await people.fenced.ask("GET", "/v1/models/sonnet"), 403, "model_not_allowed")


async def test_s3_a_session_of_another_model_is_not_gone_on_with(
    people: People, upstream: FakeAnthropic
) -> None:
    session = await people.ada.post("/v1/sessions", model="sonnet")
    body = {"session_id": session["id"], "messages": [{"role": "user", "content": "Hi"}]}
    refused(await people.fenced.ask("POST", "/v1/chat/completions", body), 403, "model_not_allowed")
    refused(
        await people.fenced.ask("PATCH", f"/v1/sessions/{session['id']}", {"model": "sonnet"}), 403
    )
    assert upstream.turns == []
