"""Whatever JSON comes, it is taken or refused: never a failure of the gateway's."""

from __future__ import annotations

import json
import string
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_gateway.testing.raw import Response, refused
from claude_gateway.web.app import ROUTES, Route

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIELDS = (
    *("name", "description", "path", "metadata", "is_active", "project_id", "model", "title"),
    *("system_prompt", "status", "tools", "enabled_tools", "enabled_servers", "audit_log"),
    *("role", "content", "message_metadata", "copy_messages", "up_to", "parent_id"),
)
WORDS = (
    "default",
    "sonnet",
    "user",
    "assistant",
    "system",
    "active",
    "ended",
    "..",
    "/workspace/a",
)
PARTS = ("text", "image_url", "file", "image", "document", "input_audio", "cache_control")
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("type", "text", *PARTS)) | st.text(max_size=5), inner, max_size=3
        )
    ),
    max_leaves=8,
)
bodies = anything | st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6)
queries = st.dictionaries(
    st.sampled_from(("limit", "offset", "q", "role", "after", "status", "tool_type", "format")),
    st.text(string.printable, max_size=12) | st.integers(-5, 2**70).map(str),
    max_size=3,
)
KEPT = [route for route in ROUTES if route.path.startswith(("/v1/projects", "/v1/sessions"))]
WRITES = [route for route in KEPT if route.method in ("POST", "PATCH", "PUT")]
READS = [route for route in KEPT if route.method == "GET"]
often = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


async def found(caller: Caller, path: str) -> str:
    """Put in the id of something that is there."""
    if "{id}" not in path:
        return path
    kind = path.split("/")[2]
    made = await caller.post(f"/v1/{kind}", name="App")
    return path.replace("{id}", made["id"])


def check(answer: Response) -> None:
    if answer.status >= 300:
        refused(answer, answer.status)
    assert answer.status < 500, answer.body


@pytest.mark.parametrize("route", WRITES, ids=named)
@often
@given(body=bodies)
async def test_any_body_is_taken_or_refused(caller: Caller, route: Route, body: object) -> None:
    path = await found(caller, route.path)
    check(await caller.ask(route.method, path, json.dumps(body).encode()))
    if "{id}" in route.path:
        check(await caller.ask("GET", "/".join(path.split("/")[:4])))


@pytest.mark.parametrize("route", READS, ids=named)
@often
@given(query=queries)
async def test_any_query_is_taken_or_refused(
    caller: Caller, route: Route, query: dict[str, str]
) -> None:
    path = await found(caller, route.path)
    check(await caller.ask("GET", f"{path}?{urlencode(query)}"))
