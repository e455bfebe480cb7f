"""Whatever comes to /mcp, it is answered, taken or refused: never a failure of the gateway's."""

from __future__ import annotations

import json
import string
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.mcp.conftest import Raw, standing_alone
from tests.wire.test_any_body import anything

pytestmark = pytest.mark.asyncio(loop_scope="session")

METHODS = (
    *("initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/read"),
    *("resources/templates/list", "prompts/list", "prompts/get", "completion/complete"),
    *(
        "server/discover",
        "notifications/cancelled",
        "notifications/initialized",
        "logging/setLevel",
    ),
)
NAMES = ("everything__test_who", "everything__test_prompt_with_arguments", "gateway://everything/x")
meta = st.fixed_dictionaries({}, optional={"progressToken": anything}) | anything
params = st.fixed_dictionaries(
    {},
    optional={
        "_meta": meta,
        "name": st.sampled_from(NAMES) | anything,
        "uri": st.sampled_from(NAMES) | anything,
        "cursor": anything,
        "arguments": st.dictionaries(st.text(max_size=5), anything, max_size=3) | anything,
        "ref": st.fixed_dictionaries({"type": st.sampled_from(("ref/prompt", "ref/resource"))})
        | anything,
        "argument": anything,
        "context": anything,
        "protocolVersion": anything,
        "requestId": anything,
    },
)
messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": st.sampled_from(METHODS)},
    optional={"id": st.integers() | st.text(max_size=5) | anything, "params": params | anything},
)
queries = st.dictionaries(
    st.sampled_from(("servers", "project_id", "server")),
    st.text(string.printable, max_size=12) | st.just("everything"),
    max_size=2,
)
words = st.text(string.ascii_letters + string.digits + "=?!.-:/ ", max_size=12)
often = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(answer: Any) -> None:
    assert answer.status < 500, answer.body
    assert b"The gateway failed" not in answer.body
    if answer.status == 202:
        assert answer.body == b""
        return
    said = answer.json
    if said.get("jsonrpc") == "2.0":
        assert set(said) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"})
    else:
        assert said["error"]["message"]


@often
@given(body=anything | messages, query=queries)
async def test_any_message_in_a_session(raw: Raw, body: object, query: dict[str, str]) -> None:
    await raw.shake()
    raw.path = f"/mcp?{urlencode(query)}" if query else "/mcp"
    check(await raw.send(json.dumps(body).encode()))
    raw.path = "/mcp"
    assert (await raw.call("ping"))["result"] == {}


@often
@given(
    body=messages,
    headers=st.dictionaries(
        st.sampled_from(("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Param-Region")),
        words.map(str.strip),
    ),
)
async def test_any_message_that_stands_alone(
    raw: Raw, body: dict[str, Any], headers: dict[str, str]
) -> None:
    given = body.get("params")
    more = given if isinstance(given, dict) else {}
    alone, told = standing_alone(body["method"], headers)
    alone["params"] = {**more, **alone["params"]}  # type: ignore[dict-item]
    check(
        await raw.send(
            json.dumps({**alone, **({"id": body["id"]} if "id" in body else {})}).encode(), told
        )
    )
