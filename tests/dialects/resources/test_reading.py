"""Fields and queries of resources: what is taken, and which one is named when it is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from claude_gateway.dialects.resources import messages, projects, reading, sessions, tools
from claude_gateway.errors import InvalidRequest
from claude_gateway.types.resources import Page, SessionFilter

DEEP: dict[str, object] = {}
for _ in range(300):
    DEEP = {"a": DEEP}
MESSAGE = {"role": "user", "content": "Hello"}


def refused(read: Callable[[Mapping[str, object]], object], fields: Mapping[str, object]) -> str:
    """Check that `fields` are refused, and return which one is named."""
    with pytest.raises(InvalidRequest) as failure:
        read(fields)
    assert failure.value.param is not None
    assert failure.value.param in failure.value.message
    return failure.value.param


def test_a_project_needs_only_a_name() -> None:
    assert projects.read({"name": "App"}) == projects.NewProject("App", "", "", {})
    nothing = {"description": None, "path": None, "metadata": None, "unknown": 1}
    assert projects.read({"name": "App", **nothing}) == projects.read({"name": "App"})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": " \n"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": 5}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": "x", "description": 5}, "description"),
        ({"name": "x", "description": "x" * 10_001}, "description"),
        ({"name": "x", "path": 5}, "path"),
        ({"name": "x", "path": "x" * 4097}, "path"),
        ({"name": "x", "metadata": []}, "metadata"),
        ({"name": "x", "metadata": "x"}, "metadata"),
        ({"name": "x", "metadata": {"a": "x" * 16_385}}, "metadata"),
        ({"name": "x", "metadata": DEEP}, "metadata"),
    ],
)
def test_a_wrong_field_of_a_project_is_named(fields: dict[str, object], param: str) -> None:
    assert refused(projects.read, fields) == param


def test_a_name_of_255_characters_is_fine() -> None:
    assert projects.read({"name": "é" * 255}).name == "é" * 255


def test_only_what_is_given_changes_in_a_project() -> None:
    assert projects.read_changes({}) == {}
    assert projects.read_changes({"id": "x", "created_at": 1, "owner": "x"}) == {}
    assert projects.read_changes({"name": "B", "is_active": False}) == {
        "name": "B",
        "is_active": False,
    }
    nothing = {"description": None, "path": None, "metadata": None, "is_active": None}
    assert projects.read_changes(nothing) == {"description": "", "path": "", "metadata": {}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"name": None}, "name"), ({"is_active": "yes"}, "is_active"), ({"path": 1}, "path")],
)
def test_a_wrong_change_of_a_project_is_named(fields: dict[str, object], param: str) -> None:
    assert refused(projects.read_changes, fields) == param


def test_a_session_needs_nothing() -> None:
    asked = sessions.read({})
    assert (asked.project_id, asked.model) == ("default", None)
    assert asked.fields == {"title": "", "system_prompt": None, "metadata": {}}
    nothing = {"project_id": None, "model": None, "title": None, "system_prompt": None}
    assert sessions.read(nothing) == asked
    assert sessions.read({"project_id": "", "system_prompt": ""}) == asked


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"project_id": 5}, "project_id"),
        ({"project_id": "x" * 256}, "project_id"),
        ({"model": 5}, "model"),
        ({"title": "x" * 256}, "title"),
        ({"title": {}}, "title"),
        ({"system_prompt": ["x"]}, "system_prompt"),
        ({"system_prompt": "x" * 1_000_001}, "system_prompt"),
        ({"metadata": 1}, "metadata"),
        ({"enabled_tools": "look"}, "enabled_tools"),
        ({"tools": [1]}, "tools[0]"),
        ({"enabled_tools": ["a", ""]}, "enabled_tools[1]"),
        ({"enabled_tools": ["a" * 201]}, "enabled_tools[0]"),
        ({"enabled_servers": ["a"] * 501}, "enabled_servers"),
        ({"audit_log": "yes"}, "audit_log"),
    ],
)
def test_a_wrong_field_of_a_session_is_named(fields: dict[str, object], param: str) -> None:
    assert refused(sessions.read, fields) == param
    assert refused(sessions.read_changes, fields) == param


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {}),
        ({"id": "x", "total_tokens": 5, "last_number": 5, "thinking_after": 9}, {}),
        ({"title": None}, {"title": ""}),
        ({"system_prompt": None}, {"system_prompt": None}),
        ({"project_id": None}, {"project_id": "default"}),
        ({"model": None}, {"model": None}),
        ({"status": "ended"}, {"status": "ended"}),
        ({"is_active": False}, {"status": "ended"}),
        ({"is_active": True, "status": "active"}, {"status": "active"}),
        ({"status": None, "is_active": None}, {}),
        ({"tools": ["a"]}, {"enabled_tools": ("a",)}),
    ],
)
def test_only_what_is_given_changes_in_a_session(
    fields: dict[str, object], changes: dict[str, object]
) -> None:
    assert sessions.read_changes(fields) == changes


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"status": "gone"}, "status"),
        ({"status": 1}, "status"),
        ({"is_active": "no"}, "is_active"),
        ({"is_active": True, "status": "ended"}, "status"),
    ],
)
def test_a_wrong_state_of_a_session_is_named(fields: dict[str, object], param: str) -> None:
    assert refused(sessions.read_changes, fields) == param


@pytest.mark.parametrize(
    ("fields", "choices"),
    [
        ({}, {}),
        ({"tools": ["b", "a", "b"]}, {"enabled_tools": ("b", "a")}),
        ({"tools": ["a"], "enabled_tools": []}, {"enabled_tools": ()}),
        ({"tools": None}, {"enabled_tools": None}),
        ({"enabled_servers": ["s"]}, {"enabled_servers": ("s",)}),
        ({"audit_log": True}, {"audit_log": True}),
        ({"audit_log": None}, {"audit_log": False}),
        ({"tools": ["a"], "priority": 5}, {"enabled_tools": ("a",)}),
    ],
)
def test_choices_of_tools_are_read(fields: dict[str, object], choices: dict[str, object]) -> None:
    assert tools.read(fields) == choices


@pytest.mark.parametrize(
    ("fields", "fork"),
    [
        ({}, sessions.Fork(None, True, None)),
        ({"title": "", "copy_messages": None}, sessions.Fork("", True, None)),
        ({"copy_messages": False, "parent_id": "x"}, sessions.Fork(None, False, None)),
        ({"up_to": "msg_1"}, sessions.Fork(None, True, "msg_1")),
        ({"up_to": 3, "copy_messages": True}, sessions.Fork(None, True, 3)),
    ],
)
def test_a_fork_is_read(fields: dict[str, object], fork: sessions.Fork) -> None:
    assert sessions.read_fork(fields) == fork


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"up_to": True}, "up_to"),
        ({"up_to": 1.5}, "up_to"),
        ({"up_to": []}, "up_to"),
        ({"up_to": 1, "copy_messages": False}, "up_to"),
        ({"copy_messages": 1}, "copy_messages"),
        ({"title": 1}, "title"),
    ],
)
def test_a_wrong_field_of_a_fork_is_named(fields: dict[str, object], param: str) -> None:
    assert refused(sessions.read_fork, fields) == param


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, Page(100, 0)),
        ({"limit": "", "offset": ""}, Page(100, 0)),
        ({"limit": "1", "offset": "0"}, Page(1, 0)),
        ({"limit": "1000", "offset": "1000000000000"}, Page(1000, 10**12)),
        ({"limit": "007"}, Page(7, 0)),
    ],
)
def test_a_window_is_read(query: dict[str, str], page: Page) -> None:
    assert reading.page(query) == page


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "1.0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "\u0661"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"offset": "1000000000001"}, "offset"),
        ({"offset": " 1"}, "offset"),
    ],
)
def test_a_wrong_window_is_named(query: dict[str, str], param: str) -> None:
    assert refused(reading.page, query) == param  # type: ignore[arg-type]  # strings are objects


def test_a_filter_of_sessions_is_read() -> None:
    assert sessions.read_filter({}) == SessionFilter()
    query = {"project_id": "p", "status": "ended", "q": " two  words "}
    assert sessions.read_filter(query) == SessionFilter("p", "ended", "two  words")
    assert refused(sessions.read_filter, {"status": "x"}) == "status"  # type: ignore[arg-type]
    assert refused(sessions.read_filter, {"q": "x" * 501}) == "q"  # type: ignore[arg-type]


@pytest.mark.parametrize(("key", "good"), [("tool_type", "mcp"), ("status", "failed")])
def test_a_filter_of_executions_is_read(key: str, good: str) -> None:
    assert tools.read_filter({key: good})[key] == good
    assert refused(tools.read_filter, {key: "x"}) == key  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "read"),
    [("", 0), ("0", 0), ("12", 12), ("msg_1", "msg_1"), ("-1", "-1"), ("9" * 30, "9" * 30)],
)
def test_a_place_in_a_conversation_is_a_number_or_an_id(after: str, read: str | int) -> None:
    assert messages.read_after({"after": after}) == read


@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_a_text_is_kept_as_the_string_it_is(role: str) -> None:
    new = messages.read({"role": role, "content": 'Say "hé"\n'})
    assert new.content == '"Say \\"hé\\"\\n"'.encode()
    assert new.text == 'Say "hé"\n'
    assert new.metadata == {}


def test_parts_become_blocks() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    text = {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral"}}
    audio = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    more = {"type": "text", "text": "And where?"}
    new = messages.read({"role": "user", "content": [text, image, audio, more]})
    assert new.content == (
        b'[{"type":"text","text":"What is this?"},'
        b'{"type":"image","source":{"type":"url","url":"https://example.org/a.png"}},'
        b'{"type":"text","text":"And where?"}]'
    )
    assert new.text == "What is this?\nAnd where?"
    assert new.audio


def test_the_pieces_of_an_answer_belong_together() -> None:
    pieces = [{"type": "text", "text": "One wo"}, {"type": "text", "text": "rd"}]
    assert messages.read({"role": "assistant", "content": pieces}).text == "One word"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"content": "x"}, "role"),
        ({**MESSAGE, "role": "tool"}, "role"),
        ({**MESSAGE, "role": 1}, "role"),
        ({"role": "user"}, "content"),
        ({**MESSAGE, "content": ""}, "content"),
        ({**MESSAGE, "content": "  "}, "content"),
        ({**MESSAGE, "content": []}, "content"),
        ({**MESSAGE, "content": {}}, "content"),
        ({**MESSAGE, "content": 1}, "content"),
        ({**MESSAGE, "content": [1]}, "content[0]"),
        ({**MESSAGE, "content": [{"type": "tool_use"}]}, "content[0].type"),
        ({**MESSAGE, "content": [{"type": "input_audio"}]}, "content"),
        ({"role": "system", "content": [{"type": "image_url"}]}, "content[0].type"),
        ({**MESSAGE, "message_metadata": 1}, "message_metadata"),
    ],
)
def test_a_wrong_field_of_a_message_is_named(fields: dict[str, object], param: str) -> None:
    assert refused(messages.read, fields) == param
