"""Resources as clients read them."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from claude_gateway import sse
from claude_gateway.dialects.resources import exports, messages, projects, sessions, tools
from claude_gateway.dialects.resources.writing import cost, moment
from claude_gateway.types.resources import (
    Message,
    Project,
    Session,
    SessionStats,
    Tally,
    ToolExecution,
)

THEN = 1_764_122_400.75
PROJECT = Project("prj_1", "owner", "App", THEN, THEN + 60)
SESSION = Session("ses_1", "owner", "default", "claude-sonnet-5-5", THEN, THEN + 60)
CALL = ToolExecution("exe_1", "ses_1", "look", THEN)


def test_times_are_whole_seconds_in_utc() -> None:
    assert moment(THEN) == "2025-11-26T02:00:00Z"
    assert moment(0) == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("known", "unpriced", "written"),
    [
        (None, 0, "0.0"),
        (None, 2, "null"),
        (Decimal("0.000075"), 0, "0.000075"),
        (Decimal("1.50"), 3, "1.5"),
        (Decimal(0), 0, "0.0"),
    ],
)
def test_a_cost_is_a_number_or_unknown(known: Decimal | None, unpriced: int, written: str) -> None:
    assert sse.compact(cost(known, unpriced)) == written.encode()
    assert json.loads(written) == (None if known is None and unpriced else float(known or 0))


def test_a_project_is_written_with_all_its_fields() -> None:
    assert sse.compact(projects.written(replace(PROJECT, path="a/b", metadata={"id": 1}))) == (
        b'{"id":"prj_1","name":"App","description":"","path":"/workspace/a/b","is_active":true,'
        b'"created_at":"2025-11-26T02:00:00Z","updated_at":"2025-11-26T02:01:00Z",'
        b'"metadata":{"id":1}}'
    )


@pytest.mark.parametrize(("path", "written"), [("", None), (".", "/workspace")])
def test_a_project_may_have_no_folder_or_the_whole_workspace(
    path: str, written: str | None
) -> None:
    assert projects.written(replace(PROJECT, path=path))["path"] == written


def test_a_session_is_written_with_all_its_fields() -> None:
    session = replace(
        SESSION,
        status="ended",
        total_tokens=7,
        total_cost=Decimal("0.25"),
        message_count=2,
        system=b"{}",
    )
    assert sse.compact(sessions.written(session)) == (
        b'{"id":"ses_1","project_id":"default","parent_id":null,"title":null,'
        b'"model":"claude-sonnet-5-5","system_prompt":null,"status":"ended","is_active":false,'
        b'"total_tokens":7,"total_cost":0.25,"unpriced_runs":0,"message_count":2,'
        b'"created_at":"2025-11-26T02:00:00Z","updated_at":"2025-11-26T02:01:00Z","metadata":{}}'
    )


def test_every_object_says_its_id_first_and_once() -> None:
    execution = replace(CALL, input_params=b'{"path":"a"}', output=b"[]")
    for written in (
        projects.written(PROJECT),
        sessions.written(SESSION),
        messages.written(Message("msg_1", "user", b'"Hi"', THEN, "Hi"), "ses_1"),
        tools.written(execution),
    ):
        assert sse.compact(written).startswith(b'{"id":"')
        assert sse.compact(written).count(b'"id":') == 1


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        (b'"H\\u00e9"', b'[{"type":"text","text":"H\\u00e9"}]'),
        (b'""', b"[]"),
        (b' "Hi"\n', b'[{"type":"text","text": "Hi"\n}]'),
        (b'[{"type":"thinking", "n": 1.0,"signature":"x"}]', None),
        (b'[{"big":123456789012345678901234567890,"f":1E2,"z":-0.0}]', None),
    ],
)
def test_t07_the_blocks_of_a_message_are_the_bytes_that_were_kept(
    content: bytes, blocks: bytes | None
) -> None:
    written = sse.compact(messages.written(Message("m", "user", content, THEN, "Hé"), "s"))
    assert written.endswith(b'"blocks":' + (blocks or content) + b"}")
    assert '"content":"Hé"' in written.decode()


def test_a_message_may_have_any_number_in_its_metadata() -> None:
    message = Message("m", "user", b'"Hi"', THEN, "Hi", metadata={"n": 2**70})
    assert b'"message_metadata":{"n":1180591620717411303424}' in sse.compact(
        messages.written(message, "s")
    )


def test_what_a_tool_was_given_and_gave_are_the_bytes_that_were_kept() -> None:
    done = replace(
        CALL,
        input_params=b'{"n": 1.0}',
        output=b'{"big":123456789012345678901234567890}',
        status="completed",
        completed_at=THEN + 1,
        execution_time_ms=950,
        server="files",
    )
    written = sse.compact(tools.written(done))
    assert b'"input_params":{"n": 1.0}' in written
    assert b'"output":{"big":123456789012345678901234567890}' in written
    assert b'"completed_at":"2025-11-26T02:00:01Z"' in written
    assert tools.written(CALL)["output"] is tools.written(CALL)["completed_at"] is None


def test_figures_are_by_model_and_by_day() -> None:
    tally = Tally(2, 30, Decimal("0.5"), 1)
    stats = SessionStats(1, 4, tally, {"m": tally}, {"2025-11-26": tally})
    written = sessions.written_stats(stats)
    sums = {"total_tokens": 30, "total_cost": 0.5, "unpriced_runs": 1}
    assert written == {
        "active_sessions": 1,
        "total_messages": 4,
        "total_runs": 2,
        **sums,
        "by_model": {"m": {"runs": 2, **sums}},
        "by_day": {"2025-11-26": {"runs": 2, **sums}},
    }


SAID = [
    Message("m1", "user", b'"Look at ```this```"', THEN, "Look at ```this```", number=1),
    Message(
        "m2",
        "assistant",
        b'[{"type":"thinking","thinking":"Hm","signature":"x"},\n{"type":"text","text":"I do."},'
        b'{"type":"tool_use","id":"t1","name":"look","input":{"at":"```"}}]',
        THEN,
        "I do.",
        number=2,
    ),
    Message(
        "m3",
        "user",
        b'[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"Nothing"}]},'
        b'{"type":"image","source":{}}]',
        THEN,
        number=3,
    ),
    Message("m4", "assistant", b'[{"type":"thinking","thinking":"Hm"}]', THEN, number=4),
]
RECORD = exports.Record(replace(SESSION, title="Eyes", system_prompt="Be brief."), SAID, [CALL])


def test_an_export_as_json_is_everything() -> None:
    whole = json.loads(exports.export(RECORD, "json"))
    assert whole["session"]["id"] == "ses_1"
    assert whole["tools"]["enabled_tools"] is None
    assert [message["id"] for message in whole["messages"]] == ["m1", "m2", "m3", "m4"]
    assert [execution["id"] for execution in whole["executions"]] == ["exe_1"]


def test_an_export_as_jsonl_has_a_message_on_each_line() -> None:
    lines = exports.export(RECORD, "jsonl").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["m1", "m2", "m3", "m4"]
    assert exports.export(exports.Record(SESSION, []), "jsonl") == b""


def test_an_export_as_markdown_is_for_reading() -> None:
    assert exports.export(RECORD, "markdown").decode() == (
        "# Eyes\n\nModel claude-sonnet-5-5, begun 2025-11-26T02:00:00Z.\n\n"
        "## System\n\nBe brief.\n\n"
        "## User\n\nLook at ```this```\n\n"
        '## Assistant\n\nI do.\n\nCalled `look`:\n\n````json\n{"at":"```"}\n````\n\n'
        "## User\n\nResult:\n\n```\nNothing\n```\n\n*[image]*\n"
    )


def test_a_result_that_is_not_only_text_is_shown_as_json() -> None:
    content = b'[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image"}]}]'
    record = exports.Record(SESSION, [Message("m", "user", content, THEN)])
    assert '```\n[{"type":"image"}]\n```' in exports.export(record, "markdown").decode()


@pytest.mark.parametrize(
    ("id_", "form", "name"),
    [
        ("ses_1", "json", "ses_1.json"),
        ("A-1", "markdown", "A-1.md"),
        ('../"x"\r\n', "jsonl", "x.jsonl"),
        ("日本", "json", "session.json"),
        ("x" * 500, "json", "x" * 100 + ".json"),
    ],
)
def test_a_file_has_a_harmless_name(id_: str, form: str, name: str) -> None:
    assert exports.filename(replace(SESSION, id=id_), form) == name
