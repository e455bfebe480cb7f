"""Messages and tools of a session over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claude_gateway.testing.raw import refused

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

SESSIONS = "/v1/sessions"


async def messages_of_a_new_session(caller: Caller) -> str:
    session = await caller.post(SESSIONS)
    return f"{SESSIONS}/{session['id']}/messages"


async def test_a_message_is_kept_and_the_model_is_not_asked(caller: Caller) -> None:
    path = await messages_of_a_new_session(caller)
    said = await caller.post(path, role="user", content="Hello", message_metadata={"a": 1})
    session_id = path.split("/")[3]
    assert said == {
        "id": said["id"],
        "session_id": session_id,
        "role": "user",
        "content": "Hello",
        "token_count": 0,
        "number": said["number"],
        "run_id": None,
        "created_at": said["created_at"],
        "message_metadata": {"a": 1},
        "blocks": [{"type": "text", "text": "Hello"}],
    }
    listed = await caller.get(path)
    assert listed == {
        "messages": [said],
        "total": 1,
        "limit": 100,
        "offset": 0,
        "session_id": session_id,
    }
    session = await caller.get(f"{SESSIONS}/{session_id}")
    assert (session["message_count"], session["total_tokens"]) == (1, 0)


async def test_parts_are_kept_as_blocks_and_read_as_text(caller: Caller) -> None:
    path = await messages_of_a_new_session(caller)
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAAN"}},
    ]
    said = await caller.post(path, role="user", content=parts)
    assert said["content"] == "What is this?"
    assert [block["type"] for block in said["blocks"]] == ["text", "image"]
    audio = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    answer = await caller.ask("POST", path, {"role": "user", "content": [*parts, audio]})
    assert answer.header("x-gateway-ignored-params") == "input_audio"


async def test_a_conversation_is_read_in_order_and_from_any_place(caller: Caller) -> None:
    path = await messages_of_a_new_session(caller)
    roles = ("user", "assistant", "user", "assistant", "system")
    said = [
        await caller.post(path, role=role, content=f"{i}: 👩‍👩‍👧 \u0000 é")
        for i, role in enumerate(roles)
    ]
    for query, expected in (
        ("", said),
        ("limit=2", said[:2]),
        ("limit=2&offset=3", said[3:]),
        ("role=user", [said[0], said[2]]),
        ("role=system", said[4:]),
        (f"after={said[1]['number']}", said[2:]),
        (f"after={said[1]['id']}", said[2:]),
        (f"after={said[1]['id']}&role=user&limit=1", [said[2]]),
        ("after=0", said),
        ("after=99999", []),
    ):
        assert (await caller.get(f"{path}?{query}"))["messages"] == expected
    assert (await caller.get(f"{path}?role=user"))["total"] == 2


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ("role=tool", 400, "role"),
        ("limit=0", 400, "limit"),
        ("offset=x", 400, "offset"),
        ("after=msg_none", 404, "after"),
        ("after=-1", 404, "after"),
        (f"after={'9' * 60}", 404, "after"),
    ],
)
async def test_a_wrong_place_is_named(caller: Caller, query: str, status: int, param: str) -> None:
    path = await messages_of_a_new_session(caller)
    refused(await caller.ask("GET", f"{path}?{query}"), status, param=param)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "role"),
        ({"role": "tool", "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": " "}, "content"),
        ({"role": "user", "content": [{"type": "video"}]}, "content[0].type"),
        ({"role": "assistant", "content": [{"type": "image_url"}]}, "content[0].type"),
        ({"role": "user", "content": "x", "message_metadata": []}, "message_metadata"),
    ],
)
async def test_a_wrong_field_is_named(
    caller: Caller, fields: dict[str, object], param: str
) -> None:
    path = await messages_of_a_new_session(caller)
    refused(await caller.ask("POST", path, fields), 400, param=param)
    assert (await caller.get(path))["total"] == 0


async def test_a_very_long_message_is_kept_whole(caller: Caller) -> None:
    path = await messages_of_a_new_session(caller)
    words = "long words 🙂 " * 100_000
    said = await caller.post(path, role="user", content=words)
    assert said["content"] == words
    assert (await caller.get(path))["messages"] == [said]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_tools_are_chosen_and_choices_taken_back(caller: Caller, method: str) -> None:
    session = await caller.post(SESSIONS, enabled_servers=["files"])
    path = f"{SESSIONS}/{session['id']}/tools"
    nothing = {
        "enabled_tools": None,
        "enabled_servers": ["files"],
        "audit_log": False,
        "approval": "never",
    }
    executions = {"executions": [], "total": 0, "limit": 100, "offset": 0}
    assert await caller.get(path) == {"session_id": session["id"], **nothing, **executions}
    chosen = await caller.ask(method, path, {"tools": ["read_file"], "priority": 5})
    assert chosen.status == 200
    assert chosen.json == {"session_id": session["id"], **nothing, "enabled_tools": ["read_file"]}
    more: dict[str, object] = {"enabled_tools": [], "enabled_servers": None, "audit_log": True}
    answer = await caller.ask(method, path, more)
    assert answer.json == {"session_id": session["id"], **more, "approval": "never"}
    assert (await caller.get(path))["enabled_tools"] == []
    refused(await caller.ask(method, path, {"tools": "all"}), 400, param="tools")


@pytest.mark.parametrize("query", ["tool_type=x", "status=x", "limit=0"])
async def test_a_wrong_filter_of_executions_is_named(caller: Caller, query: str) -> None:
    session = await caller.post(SESSIONS)
    path = f"{SESSIONS}/{session['id']}/tools?{query}"
    refused(await caller.ask("GET", path), 400, param=query.partition("=")[0])
