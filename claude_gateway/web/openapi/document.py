"""The OpenAPI document, from the routes, what their handlers say, and the shapes that those name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from claude_gateway.dialects.shapes import PARAMETERS, SHAPES, Shape
from claude_gateway.types.principals import SCOPES
from claude_gateway.version import __version__
from claude_gateway.web.openapi.failures import failures, statuses, written
from claude_gateway.web.operation import Operation, operation_of, words_of
from claude_gateway.web.trail import WARNING

if TYPE_CHECKING:
    from claude_gateway.web.app import Route

JSON, EVENTS = "application/json", "text/event-stream"
VARIABLE = re.compile(r"\{(\w+)(?::([^{}]*(?:\{[^{}]*\}[^{}]*)*))?\}")
SCHEMES: Mapping[str, Shape] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
HEADERS_OF_A_TURN: Mapping[str, Shape] = {
    WARNING: {
        "description": "Budgets that are nearly spent, with `;` between; mostly it is not there.",
        "schema": {"type": "string"},
    }
}
ABOUT = (
    "A self-hosted backend for Claude apps. A key is sent as `Authorization: Bearer KEY` or "
    "`x-api-key: KEY`; who needs none is said by the setting GATEWAY_AUTH. Unknown fields of a body are "
    "ignored, and what is null counts as absent, unless it is required. Every answer has its "
    "`x-request-id`. GET also answers HEAD. All failures look alike: the schema `Error`."
)


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe these routes, and what they refer to."""
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        paths.setdefault(VARIABLE.sub(r"{\1}", route.path), {})[route.method.lower()] = operation(
            route
        )
    others = {says.fails_as for route in routes if (says := operation_of(route.handler))} - {""}
    return {
        "openapi": "3.1.0",
        "info": {"title": "claude_gateway", "version": __version__, "description": ABOUT},
        "paths": paths,
        "components": {
            "securitySchemes": SCHEMES,
            "parameters": PARAMETERS,
            "responses": failures(others),
            "schemas": SHAPES,
        },
    }


def operation(route: Route) -> dict[str, object]:
    """Describe one route; what a plugin says of its own wins."""
    says = operation_of(route.handler) or Operation()
    summary, more = words_of(route.handler)
    described: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [tag_of(route.path)],
        "summary": summary,
        "description": "\n\n".join(filter(None, (more, needed(route)))),
        "security": list(security(route)),
        "responses": {**successes(route, says), **written(statuses(route, says), says.fails_as)},
    }
    if parameters := [*variables(route.path, says), *map(_parameter, (*says.query, *says.headers))]:
        described["parameters"] = parameters
    if says.takes:
        body = {JSON: {"schema": _shape(says.takes)}}
        described["requestBody"] = {"required": not says.optional, "content": body}
    return _with(described, route.told or {})


def operation_id(route: Route) -> str:
    """Name a route for programs: its method and its path."""
    words = re.findall(r"\w+", VARIABLE.sub(r"\1", route.path))
    return "_".join((route.method.lower(), *words)) if words else f"{route.method.lower()}_root"


def tag_of(path: str) -> str:
    """Name what a route is about."""
    words: list[str] = re.findall(r"\w+", path)
    if words[:1] == ["v1"] and len(words) > 1:
        return words[1]
    return "mcp" if words[:1] == ["mcp"] else "gateway"


def needed(route: Route) -> str:
    """Say what a caller needs."""
    if route.rule.public:
        return "Needs no key."
    if not needs_scope(route):
        return "Needs a key, with any scope."
    return f"Needs the scope {' or '.join(f'`{scope}`' for scope in route.rule.scopes)}."


def needs_scope(route: Route) -> bool:
    """Whether not every key will do."""
    return bool(route.rule.scopes) and set(route.rule.scopes) != set(SCOPES)


def security(route: Route) -> Iterator[Mapping[str, Sequence[str]]]:
    """Yield the ways in, of which one is enough."""
    if not route.rule.public:
        scopes: Sequence[str] = route.rule.scopes if needs_scope(route) else ()
        for scheme in SCHEMES:
            yield from [{scheme: [scope]} for scope in scopes] or [{scheme: []}]


def variables(path: str, says: Operation) -> Iterator[Shape]:
    """Yield the variables of a path, with what they must look like where that is said."""
    described = {PARAMETERS[name]["name"]: name for name in says.path}
    for name, pattern in VARIABLE.findall(path):
        if name in described:
            yield _parameter(described[name])
            continue
        schema: dict[str, object] = {"type": "string", "minLength": 1}
        if pattern:
            schema["pattern"] = f"^(?:{pattern})$"
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def successes(route: Route, says: Operation) -> Mapping[str, object]:
    """Describe the answers that are none of the failures."""
    content: dict[str, object] = {kind: {} for kind in says.files}
    if says.gives:
        content[JSON] = {"schema": _shape(says.gives)}
    if says.streams:
        content[EVENTS] = {}
    found: dict[str, dict[str, object]] = {}
    if content:
        what = "Done, or a stream of events." if says.streams else "Done."
        found[str(says.status)] = {"description": what, "content": content}
        if route.rule.turn:
            found[str(says.status)]["headers"] = HEADERS_OF_A_TURN
    if says.empty is not None:
        found[str(says.empty)] = {"description": "Done; there is nothing to say."}
    return found or {"200": {"description": "Done."}}


def _with(described: dict[str, Any], told: Mapping[str, Any]) -> dict[str, object]:
    """Return the description with what a plugin tells, whose answers are none of the failures."""
    if "responses" not in told:
        return {**described, **told}
    failures = {s: said for s, said in described["responses"].items() if not s.startswith("2")}
    return {**described, **told, "responses": {**told["responses"], **failures}}


def _shape(name: str) -> Shape:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameter(name: str) -> Shape:
    return {"$ref": f"#/components/parameters/{name}"}
