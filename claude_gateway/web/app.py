"""Put the app together. The only place that knows everything."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from claude_gateway.defaults.peer_settings import TRUSTED_PROXIES
from claude_gateway.defaults.tls_settings import HSTS, TLS_CERT
from claude_gateway.errors import PluginError
from claude_gateway.interfaces import PluginRoute
from claude_gateway.types.principals import SCOPES, Scope
from claude_gateway.web import (
    about,
    admin,
    approvals,
    audit,
    budgets,
    chat,
    chat_status,
    exports,
    mcp,
    members,
    messages,
    models,
    projects,
    responses,
    runs,
    session_messages,
    session_tools,
    sessions,
    tool_approvals,
    tool_fanout,
    usage,
)
from claude_gateway.web.gateway import GATEWAY, GUARDED, Gateway, RouteRule
from claude_gateway.web.guard import refuse_expectation
from claude_gateway.web.hsts import promising
from claude_gateway.web.mcp_server import endpoint as mcp_server
from claude_gateway.web.openapi import endpoint as openapi
from claude_gateway.web.openapi.endpoint import DESCRIPTION
from claude_gateway.web.operation import words_of
from claude_gateway.web.peers import TRUSTED
from claude_gateway.web.sharing import together
from claude_gateway.web.signing import SIGNS, signature

BUDGET = "/v1/admin/budgets/{kind}/{subject}/{period}"
METHOD = re.compile("[A-Z]+")
PUBLIC = RouteRule(public=True)
KNOWN = RouteRule(scopes=SCOPES)
READ = RouteRule(scopes=("read", "chat"))
CHAT = RouteRule(scopes=("chat",))
TURN = RouteRule(scopes=("chat",), turn=True)
NATIVE = RouteRule(overload_status=529, scopes=("chat",))
NATIVE_TURN = RouteRule(overload_status=529, scopes=("chat",), turn=True)
TOOLS = RouteRule(scopes=("tools",))
OWN_PAGES = RouteRule(foreign_pages=False, scopes=("tools",))
SEE_TOOLS = RouteRule(scopes=("read", "chat", "tools", "mcp:manage"))
USAGE = RouteRule(scopes=("read", "chat", "admin"))
AUDIT = RouteRule(scopes=("read", "chat", "mcp:manage"))
ADMIN = RouteRule(scopes=("admin",))
MANAGE = RouteRule(scopes=("mcp:manage",))


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint and its guard. GET also answers HEAD.

    `told` is what the description of the API says of it beside what its handler says.
    """

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    rule: RouteRule = GUARDED
    told: Mapping[str, object] | None = None


# Each has its line in scripts/smoke.sh; a test compares.
ROUTES = (
    Route("GET", "/", about.root, PUBLIC),
    Route("GET", "/health", about.health, PUBLIC),
    Route("GET", "/readiness", about.readiness, PUBLIC),
    Route("GET", "/openapi.json", openapi.document, KNOWN),
    Route("GET", "/docs", openapi.page, KNOWN),
    Route("GET", "/v1", about.v1, KNOWN),
    Route("GET", "/v1/models", models.list_models, READ),
    Route("GET", "/v1/models/capabilities", models.capabilities, READ),
    Route("GET", "/v1/models/{model_id}", models.get_model, READ),
    Route("POST", "/v1/chat/completions", chat.chat_completions, TURN),
    Route("GET", "/v1/chat/completions/{session_id}/status", chat_status.chat_status, READ),
    Route("DELETE", "/v1/chat/completions/{session_id}", chat_status.stop_chat, CHAT),
    Route("GET", "/v1/responses/{response_id}", responses.get_response, READ),
    Route("POST", "/v1/responses/{response_id}/cancel", responses.cancel_response, CHAT),
    Route("GET", "/v1/runs", runs.list_runs, READ),
    Route("GET", "/v1/runs/{run_id}", runs.get_run, READ),
    Route("GET", "/v1/runs/{run_id}/cost", usage.get_cost, READ),
    Route("GET", "/v1/runs/{run_id}/events", runs.run_events, READ),
    Route("POST", "/v1/runs/{run_id}/cancel", runs.cancel_run, CHAT),
    Route("POST", "/v1/runs/{run_id}/approvals/{tool_call_id}", approvals.decide, TOOLS),
    Route("POST", "/v1/responses", responses.create_response, TURN),
    Route("POST", "/v1/messages", messages.messages, NATIVE_TURN),
    Route("POST", "/v1/messages/count_tokens", messages.count_tokens, NATIVE),
    Route("GET", "/v1/usage", usage.get_usage, USAGE),
    Route("POST", "/v1/projects", projects.create_project, CHAT),
    Route("GET", "/v1/projects", projects.list_projects, READ),
    Route("GET", "/v1/projects/{id}", projects.get_project, READ),
    Route("PATCH", "/v1/projects/{id}", projects.change_project, CHAT),
    Route("DELETE", "/v1/projects/{id}", projects.delete_project, CHAT),
    Route("GET", "/v1/projects/{id}/members", members.list_members, READ),
    Route("PUT", "/v1/projects/{id}/members/{user}", members.set_member, CHAT),
    Route("DELETE", "/v1/projects/{id}/members/{user}", members.remove_member, CHAT),
    Route("POST", "/v1/sessions", sessions.create_session, CHAT),
    Route("GET", "/v1/sessions", sessions.list_sessions, READ),
    Route("GET", "/v1/sessions/stats", sessions.session_stats, READ),
    Route("GET", "/v1/sessions/{id}", sessions.get_session, READ),
    Route("PATCH", "/v1/sessions/{id}", sessions.change_session, CHAT),
    Route("DELETE", "/v1/sessions/{id}", sessions.delete_session, CHAT),
    Route("POST", "/v1/sessions/{id}/fork", sessions.fork_session, CHAT),
    Route("GET", "/v1/sessions/{id}/export", exports.export_session, READ),
    Route("GET", "/v1/sessions/{id}/messages", session_messages.list_messages, READ),
    Route("POST", "/v1/sessions/{id}/messages", session_messages.add_message, CHAT),
    Route("GET", "/v1/sessions/{id}/tools", session_tools.list_tools, READ),
    Route("POST", "/v1/sessions/{id}/tools", session_tools.choose_tools, CHAT),
    Route("PUT", "/v1/sessions/{id}/tools", session_tools.choose_tools, CHAT),
    Route("GET", "/v1/mcp/servers", mcp.list_servers, SEE_TOOLS),
    Route("GET", "/v1/mcp/servers/{server_id}/tools", mcp.list_server_tools, SEE_TOOLS),
    Route("GET", "/v1/mcp/servers/{server_id}/changes", tool_approvals.list_changes, MANAGE),
    Route(
        "POST", "/v1/mcp/servers/{server_id}/tools/{tool}/approve", tool_approvals.approve, MANAGE
    ),
    Route("GET", "/v1/mcp/tools", mcp.list_tools, SEE_TOOLS),
    Route("POST", "/v1/mcp/tools/call", mcp.call_tool, TOOLS),
    Route("POST", "/v1/mcp/tools/fanout", tool_fanout.fan_out, TOOLS),
    Route("GET", "/v1/mcp/profiles", mcp.list_profiles, SEE_TOOLS),
    Route("GET", "/v1/mcp/audit", audit.list_audit, AUDIT),
    Route("POST", "/v1/admin/keys", admin.create_key, ADMIN),
    Route("GET", "/v1/admin/keys", admin.list_keys, ADMIN),
    Route("GET", "/v1/admin/keys/{id}", admin.get_key, ADMIN),
    Route("PATCH", "/v1/admin/keys/{id}", admin.change_key, ADMIN),
    Route("DELETE", "/v1/admin/keys/{id}", admin.revoke_key, ADMIN),
    Route("POST", "/v1/admin/keys/{id}/rotate", admin.rotate_key, ADMIN),
    Route("GET", "/v1/budgets", budgets.own_budgets, USAGE),
    Route("GET", "/v1/admin/budgets", budgets.list_budgets, ADMIN),
    Route("GET", BUDGET, budgets.get_budget, ADMIN),
    Route("PUT", BUDGET, budgets.set_budget, ADMIN),
    Route("DELETE", BUDGET, budgets.remove_budget, ADMIN),
    Route("POST", "/v1/admin/users", admin.create_user, ADMIN),
    Route("GET", "/v1/admin/users", admin.list_users, ADMIN),
    Route("GET", "/v1/admin/users/{id}", admin.get_user, ADMIN),
    Route("PATCH", "/v1/admin/users/{id}", admin.change_user, ADMIN),
    Route("POST", "/mcp", mcp_server.post, OWN_PAGES),
    Route("GET", "/mcp", mcp_server.get, OWN_PAGES),
    Route("DELETE", "/mcp", mcp_server.delete, OWN_PAGES),
    Route("POST", "/mcp/{server_id}", mcp_server.post, OWN_PAGES),
    Route("GET", "/mcp/{server_id}", mcp_server.get, OWN_PAGES),
    Route("DELETE", "/mcp/{server_id}", mcp_server.delete, OWN_PAGES),
)


def create_app(
    gateway: Gateway, more: Sequence[PluginRoute] = (), routes: Sequence[Route] = ROUTES
) -> web.Application:
    """Build the app around a gateway whose parts are open; `more` are routes of plugins'.

    It holds what `passage.server_of` serves. Raises PluginError for one that is taken, or that is no route.
    """
    app = web.Application()
    app[GATEWAY] = gateway
    app[TRUSTED] = gateway.settings[TRUSTED_PROXIES]
    table = (*routes, *with_rules(more, routes))
    app[DESCRIPTION] = openapi.Description(table)
    for route in table:
        resource = app.router.add_resource(route.path)
        methods = ("GET", "HEAD") if route.method == "GET" else (route.method,)
        for method in methods:
            added = resource.add_route(method, route.handler, expect_handler=refuse_expectation)
            gateway.rules[added] = route.rule
    promises = (promising(gateway.settings[HSTS]),) if gateway.settings.given(TLS_CERT) else ()
    app[SIGNS] = (signature, *promises)
    return app


def with_rules(more: Sequence[PluginRoute], routes: Sequence[Route]) -> list[Route]:
    """Return routes of plugins' as the gateway's own."""
    taken = {(route.method, _shape(route.path)) for route in routes}
    found: list[Route] = []
    for route in more:
        where = (route.method, _shape(route.path))
        if where in taken:
            raise PluginError(f"a plugin's route {route.method} {route.path} is taken already")
        if not METHOD.fullmatch(route.method) or not route.path.startswith("/"):
            raise PluginError(
                f"a plugin's route {route.method} {route.path} needs a method in capitals and a "
                "path that begins with /"
            )
        taken.add(where)
        rule = PUBLIC if route.public else RouteRule(scopes=_scopes(route))
        found.append(Route(route.method, route.path, together(route), rule, told_of(route)))
    return found


def _scopes(route: PluginRoute) -> tuple[Scope, ...]:
    """Return what a plugin's route needs, as the gateway's own would where the plugin does not say."""
    if route.scope is not None:
        return (route.scope,)
    return READ.scopes if route.method == "GET" else CHAT.scopes


def told_of(route: PluginRoute) -> Mapping[str, object]:
    """Return what the description of the API says of a plugin's route."""
    summary, more = words_of(route.handler)
    return {
        "summary": summary,
        **({"description": more} if more else {}),
        **(route.operation or {}),
    }


def _shape(path: str) -> str:
    """Return a path without the names of its variables."""
    return re.sub(r"\{[^}]*\}", "{}", path)
