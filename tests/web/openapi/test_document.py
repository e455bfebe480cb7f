"""The description of the API: all of it is there, it is valid, and it is what is served."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from aiohttp import web
from jsonschema import Draft202012Validator

from claude_gateway import Offer, PluginRoute, Settings, hookimpl
from claude_gateway.dialects.shapes import PARAMETERS, SHAPES
from claude_gateway.types.principals import SCOPES
from claude_gateway.web.app import ROUTES, Route
from claude_gateway.web.gateway import RouteRule
from claude_gateway.web.openapi.document import document, operation
from claude_gateway.web.openapi.failures import MEANING
from claude_gateway.web.openapi.sample import sample
from claude_gateway.web.operation import Operation, operation_of, words_of

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving

WHOLE = document(ROUTES)


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_every_route_says_what_it_takes_and_gives(route: Route) -> None:
    """A new route needs `@Operation(...)` and a docstring; shapes and parameters have names."""
    says = operation_of(route.handler)
    assert says is not None, "put @Operation(…) above the handler"
    assert words_of(route.handler)[0], "the handler needs a docstring"
    assert {says.takes, says.gives, says.fails_as} - {""} <= SHAPES.keys()
    assert {*says.path, *says.query, *says.headers} <= PARAMETERS.keys()
    assert {PARAMETERS[name]["in"] for name in says.path} <= {"path"}
    assert all(f"{{{PARAMETERS[name]['name']}}}" in route.path for name in says.path)
    assert {PARAMETERS[name]["in"] for name in says.query} <= {"query"}
    assert {PARAMETERS[name]["in"] for name in says.headers} <= {"header"}
    assert {*says.fails} <= MEANING.keys()
    assert bool(says.takes) <= (route.method in ("POST", "PUT", "PATCH"))
    assert says.gives or says.streams or says.files or says.empty


def test_all_routes_are_in_the_document() -> None:
    found = {(m.upper(), path) for path, them in WHOLE["paths"].items() for m in them}
    assert found == {(route.method, route.path) for route in ROUTES}
    ids = [said["operationId"] for them in WHOLE["paths"].values() for said in them.values()]
    assert len({*ids}) == len(ids)


def test_the_document_is_valid() -> None:
    schemathesis.openapi.from_dict(json.loads(json.dumps(WHOLE))).validate()


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from references(inner)


def test_what_is_referred_to_is_there_and_nothing_else() -> None:
    components = WHOLE["components"]
    there = {
        f"#/components/{kind}/{name}"
        for kind in ("parameters", "schemas", "responses")
        for name in components[kind]
    }
    used = {*references(WHOLE)}
    assert used <= there
    assert {name for name in there - used if "/responses/" not in name} == set()


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_a_schema_and_its_example_fits(name: str) -> None:
    Draft202012Validator.check_schema(SHAPES[name])
    if any(said.takes == name for route in ROUTES if (said := operation_of(route.handler))):
        assert Draft202012Validator(SHAPES[name]).is_valid(sample(SHAPES[name]))


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_s3_what_a_caller_needs_is_what_the_guard_wants(route: Route) -> None:
    told = WHOLE["paths"][route.path][route.method.lower()]
    ways = [scopes for way in told["security"] for scopes in way.values()]
    if route.rule.public:
        assert ways == []
        assert "401" not in told["responses"]
    else:
        wanted = {scope for scopes in ways for scope in scopes} or {*SCOPES}
        assert wanted == {*route.rule.scopes}
        assert {"401", "403"} <= told["responses"].keys()


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_answers_of_turns_have_the_warning_of_budgets_and_no_others(route: Route) -> None:
    told = WHOLE["paths"][route.path][route.method.lower()]["responses"]
    heads = {name for answer in told.values() for name in answer.get("headers", ())}
    assert heads == ({"x-budget-warning"} if route.rule.turn else set())


def test_a_variable_that_is_one_of_some_words_says_which() -> None:
    told = WHOLE["paths"]["/v1/admin/budgets/{kind}/{subject}/{period}"]["put"]["parameters"]
    named_ = [WHOLE["components"]["parameters"][ref.rpartition("/")[2]]
              for said in told if (ref := said.get("$ref"))]  # fmt: skip
    words = {said["name"]: said["schema"].get("enum") for said in named_}
    assert words == {
        "kind": ["key", "user", "project", "session"],
        "period": ["day", "month", "total"],
        "owner": None,
    }


async def show(_request: web.Request) -> web.Response:
    """Show one. It says more in a second sentence."""
    return web.Response()


class Adding:
    @hookimpl
    def register_routes(self, settings: Settings) -> Sequence[Offer[Sequence[PluginRoute]]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Sequence[PluginRoute]]:
            told = {"summary": "Told", "responses": {"200": {"description": "A page."}}}
            yield (
                PluginRoute("GET", r"/pages/{name:[a-z]{2}}", show, scope="tools"),
                PluginRoute("POST", "/told", show, public=True, operation=told),
            )

        return (Offer("adding", opened),)


async def test_a_plugins_route_is_described_by_its_docstring_or_by_what_it_says(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), Adding()) as app:
        served = (await app.ask("GET", "/openapi.json")).json
    schemathesis.openapi.from_dict(served).validate()
    page = served["paths"]["/pages/{name}"]["get"]
    assert page["summary"] == "Show one"
    assert page["security"] == [{"bearer": ["tools"]}, {"x-api-key": ["tools"]}]
    assert page["parameters"] == [
        {
            "name": "name",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "pattern": "^(?:[a-z]{2})$"},
        }
    ]
    told = served["paths"]["/told"]["post"]
    assert (told["summary"], told["security"]) == ("Told", [])
    assert told["responses"].pop("200") == {"description": "A page."}
    assert [*told["responses"]] == ["400", "403", "500", "503"]


async def test_what_is_served_is_the_document_and_comes_the_same_every_time(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted()) as app:
        answers = [await app.ask("GET", "/openapi.json") for _ in range(2)]
    assert answers[0].header("content-type") == "application/json"
    assert answers[0].json == json.loads(json.dumps(WHOLE))
    assert answers[0].body == answers[1].body


async def test_s3_the_document_and_the_page_are_for_callers_only(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), GATEWAY_AUTH="required", GATEWAY_API_KEYS="k-1") as app:
        for path in ("/openapi.json", "/docs"):
            assert (await app.ask("GET", path)).status == 401
            assert (await app.ask("GET", path, headers={"x-api-key": "k-1"})).status == 200


async def test_the_page_has_everything_runs_nothing_and_loads_nothing(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted()) as app:
        answer = await app.ask("GET", "/docs")
    text = answer.body.decode()
    assert answer.header("content-type") == "text/html; charset=utf-8"
    policy = answer.header("content-security-policy") or ""
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"<script|<link|<img|style=|\son\w+=|url\(|@import|src=", text)
    outside = re.findall(r'(?:href|action)="([^"#]*)"', text)
    assert {*outside} <= {"/openapi.json", ""}
    anchors = set(re.findall(r'id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= anchors
    for route in ROUTES:
        assert f"<code>{route.method} {route.path}</code>" in text
    assert {f"schema-{name}" for name in SHAPES} <= anchors


def test_the_page_cannot_be_made_to_run_what_a_plugin_says() -> None:
    from claude_gateway.web.openapi.page import page  # noqa: PLC0415

    evil = "</code><script>alert(1)</script>"
    route = Route("GET", "/x", show, RouteRule(), {"summary": evil, "description": evil})
    told: dict[str, Any] = document([route])
    told["paths"]["/x"]["get"]["responses"] = {"200": {"description": evil}}
    told["paths"]["/x"]["get"]["parameters"] = [
        {"name": evil, "in": "query", "schema": {"const": evil}, "description": evil}
    ]
    assert b"<script" not in page(told)


def test_nothing_of_it_is_read_at_the_start() -> None:
    asked = "import sys, claude_gateway.web.app; print([m for m in sys.modules if 'shapes' in m])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_route_says_it_in_one_line() -> None:
    @Operation(gives="Project", query=("limit",), fails=(409,))
    async def handler(_request: web.Request) -> web.StreamResponse:
        """Do it."""
        return web.Response()

    told: dict[str, Any] = operation(Route("GET", "/v1/things/{id}", handler, RouteRule()))
    assert told["operationId"] == "get_v1_things_id"
    assert told["tags"] == ["things"]
    assert told["summary"] == "Do it"
    assert [*told["responses"]] == ["200", "400", "401", "403", "404", "409", "429", "500", "503"]
    assert asyncio.iscoroutinefunction(handler)
