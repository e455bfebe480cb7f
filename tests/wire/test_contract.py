"""What the gateway says of its API, held against what it does: schemathesis sends what the document allows,
and what it does not, to real gateways.

HOSTILE_TESTS=long tries much more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import load_all_checks

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.web.app import ROUTES, Route
from tests.wire.conftest import UPSTREAM_KEY, Caller
from tests.wire.hostile import LONG, much
from tests.wire.test_owners import Things, things_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(3_600 if LONG else 120),
]

COVERED, DRAWN = much(16, 2_000), much(4, 300)  # for each route: cases made by plan, and by chance
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "positive_data_acceptance"),
    *("unsupported_method", "missing_required_header"),
)
# What may be refused although it fits the schema, by the field that the refusal names; None is anything.
TURNS = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens")
REFUSED: Mapping[str, frozenset[str] | None] = {
    **{f"POST {path}": None for path in TURNS},  # turns that do not follow each other
    **{  # no such method, or no session
        f"{method} {path}": None
        for method in ("POST", "GET", "DELETE")
        for path in ("/mcp", "/mcp/{server_id}")
    },
    "POST /v1/projects": frozenset({"path"}),  # names that no disk takes
    "PATCH /v1/projects/{id}": frozenset({"path"}),
    "POST /v1/admin/keys": frozenset({"expires"}),  # a time that is over
    "PATCH /v1/admin/keys/{id}": frozenset({"expires"}),
    "GET /v1/usage": frozenset({"from"}),  # later than `to`
    "GET /v1/mcp/tools": frozenset({"profile"}),  # none of those that there are
    "POST /v1/mcp/tools/call": frozenset({"profile", "project_id"}),  # not the session's project
    "POST /v1/mcp/tools/fanout": frozenset({"profile", "project_id"}),
}
# What they are about would be gone for the others.
ENDS = {"DELETE /v1/projects/{id}", "DELETE /v1/sessions/{id}"}
FRIEND = "friend"  # a user
WHOLE = "must be a whole number"  # 1.0 is one to a schema
TOO_LATE = 410
PATIENCE = 20  # seconds for an answer


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


@dataclass(frozen=True)
class Served:
    """A gateway, what it says of itself, and what somebody has there whose `key` this is."""

    gateway: GatewayProcess
    schema: Any
    headers: Mapping[str, str]
    things: Things

    def checks(self, without: frozenset[str] = frozenset()) -> list[Any]:
        load_all_checks()
        return [schemathesis.checks.CHECKS.get_one(name) for name in CHECKS if name not in without]


async def described(gateway: GatewayProcess, key: str) -> Served:
    caller = Caller(gateway.port, key)
    if not key:
        caller = Caller(gateway.port, UPSTREAM_KEY)
    document = (await caller.ask("GET", "/openapi.json")).json
    headers = {"x-api-key": key} if key else {}
    schema = schemathesis.openapi.from_dict(document)
    # Wrong keys are tried elsewhere, and would stand in the place of the right one.
    schema.config.generation.update(with_security_parameters=False)
    things = await things_of(caller)
    await caller.post("/v1/admin/users", name=FRIEND)
    budget = f"/v1/admin/budgets/project/{things.project['id']}/total"
    assert (await caller.ask("PUT", budget, {"limit": 5})).status == 200
    return Served(gateway, schema, headers, things)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def live(env: dict[str, str], fake: FakeAnthropic) -> AsyncGenerator[Served]:
    """A gateway with an upstream, that wants a key; the key is the owner's, who may do everything."""
    fake.reset()  # what other tests had it say
    strict = {"GATEWAY_AUTH": "required", "GATEWAY_WRONG_KEYS": "0"}
    async with GatewayProcess(env | strict) as gateway:
        yield await described(gateway, UPSTREAM_KEY)
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo() -> AsyncGenerator[Served]:
    """A gateway as it is without any setting, whose owner needs no key."""
    async with GatewayProcess({"GATEWAY_WRONG_KEYS": "0"}) as gateway:
        yield await described(gateway, "")
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


def planned(served: Served, route: Route) -> Iterator[Any]:
    """Yield cases at the bounds of everything, good and bad: some of them, always the same."""
    operation = served.schema[route.path][route.method]
    cases = list(
        served.schema.iter_coverage_cases(
            operation,
            generation_modes=list(schemathesis.GenerationMode),
            generation_config=served.schema.config.generation,
        )
    )
    Random(named(route)).shuffle(cases)
    return islice(iter(cases), COVERED)


def drawn(served: Served, route: Route, mode: schemathesis.GenerationMode) -> Iterator[Any]:
    """Yield cases by chance, always the same ones."""
    found: list[Any] = []
    operation = served.schema[route.path][route.method]

    @settings(
        max_examples=DRAWN,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def draw(case: Any) -> None:
        found.append(case)

    with suppress(Unsatisfiable):  # there may be nothing that such a route refuses
        draw()
    return iter(found)


def about_something(case: Any, served: Served, route: Route) -> None:
    """Let a case be about what is there, and not about nothing."""
    name = next(iter(case.path_parameters or ()), None)
    if name is not None and route.path.startswith(("/v1/projects", "/v1/sessions", "/v1/runs")):
        case.path_parameters[name] = served.things.of(route.path)
    if "{user}" in route.path:
        case.path_parameters["user"] = FRIEND
    if route.path.startswith("/v1/admin/budgets/"):
        case.path_parameters |= {"kind": "project", "subject": served.things.project["id"]}


def check(case: Any, served: Served, route: Route) -> None:
    """Send a case, and compare the answer with the document."""
    answer = case.call(base_url=served.gateway.url, headers=dict(served.headers), timeout=PATIENCE)
    without = (
        frozenset({"positive_data_acceptance"}) if may_be_refused(route, answer) else frozenset()
    )
    case.validate_response(answer, checks=served.checks(without))


def may_be_refused(route: Route, answer: Any) -> bool:
    if answer.status_code == TOO_LATE:
        return True
    if answer.status_code < 400:
        return False
    params = REFUSED.get(named(route), frozenset())
    if params is None:
        return True
    error = json.loads(answer.content)["error"]
    return error["param"] in params or WHOLE in error["message"]


def attempt(served: Served, route: Route) -> int:
    """Try a route in all ways; return how many there were."""
    tried = 0
    for number, case in enumerate(every(served, route)):
        if number % 2 and named(route) not in ENDS:
            about_something(case, served, route)
        check(case, served, route)
        tried += 1
    return tried


def every(served: Served, route: Route) -> Iterator[Any]:
    yield from planned(served, route)
    for mode in schemathesis.GenerationMode:
        yield from drawn(served, route, mode)


@pytest.mark.parametrize("route", ROUTES, ids=named)
async def test_s14_a_route_answers_as_the_document_says(live: Served, route: Route) -> None:
    assert await asyncio.to_thread(attempt, live, route)


@pytest.mark.parametrize("route", ROUTES[:: much(5, 1)], ids=named)
async def test_s14_so_does_a_gateway_without_any_setting(demo: Served, route: Route) -> None:
    assert await asyncio.to_thread(attempt, demo, route)


def refusals(served: Served, route: Route, headers: Mapping[str, str]) -> set[int]:
    """Send what the document allows with other credentials; return the statuses."""
    seen: set[int] = set()
    for case in islice(drawn(served, route, schemathesis.GenerationMode.POSITIVE), 2):
        case.headers = {
            name: value
            for name, value in (case.headers or {}).items()
            if name.lower() not in ("authorization", "x-api-key")
        }
        answer = case.call(base_url=served.gateway.url, headers=dict(headers), timeout=PATIENCE)
        case.validate_response(
            answer, checks=served.checks(frozenset({"positive_data_acceptance"}))
        )
        seen.add(answer.status_code)
    return seen


@pytest.mark.parametrize("route", [r for r in ROUTES if not r.rule.public], ids=named)
async def test_s3_without_a_key_or_its_scope_the_refusal_is_as_the_document_says(
    live: Served, scoped: Mapping[str, str], route: Route
) -> None:
    assert await asyncio.to_thread(refusals, live, route, {}) == {401}
    wrong = next((key for scope, key in scoped.items() if scope not in route.rule.scopes), None)
    if wrong is not None:
        keyed = {"x-api-key": wrong}
        assert await asyncio.to_thread(refusals, live, route, keyed) == {403}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scoped(live: Served) -> Mapping[str, str]:
    """Keys of one scope each."""
    owner = Caller(live.gateway.port, UPSTREAM_KEY)
    return {
        scope: (await owner.post("/v1/admin/keys", name=scope, scopes=[scope]))["key"]
        for scope in ("read", "admin")
    }
