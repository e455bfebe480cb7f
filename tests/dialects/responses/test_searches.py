"""OpenAI's search of the web is Anthropic's, and what it did is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response

from claude_gateway.dialects.openai.params import Translated
from claude_gateway.dialects.responses.echo import echo
from claude_gateway.dialects.responses.output import Client
from claude_gateway.dialects.responses.request import read, translate
from claude_gateway.dialects.responses.response import Opening, whole
from claude_gateway.errors import InvalidRequest
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.rawjson import RawJson

SEARCH = {"type": "web_search"}
UPSTREAMS = {"type": "web_search_20250305", "name": "web_search"}
PLACE = {"type": "approximate", "city": "Bern", "country": None}
ASKED = {
    "type": "server_tool_use",
    "id": "srv_1",
    "name": "web_search",
    "input": {"query": "foxes"},
}
PAGE = {"type": "web_search_result", "url": "https://x.test", "title": "X"}
RESULT = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [PAGE, 5]}
TEXT = {"type": "text", "text": "Found."}
THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}


def asked(*tools: object, **fields: object) -> Translated:
    return translate(read({"input": "Hi", "tools": list(tools), **fields}), ModelInfo("m"))


@pytest.mark.parametrize(
    "kind",
    ["web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"],
)
def test_a_search_is_anthropics(kind: str) -> None:
    answer = asked({"type": kind}, {"type": "function", "name": "look"})
    tools: Any = answer.params["tools"]
    assert [tool["name"] for tool in tools] == ["web_search", "look"]
    assert tools[0] == UPSTREAMS
    assert answer.ignored == ()


def test_what_both_searches_know_is_passed_on() -> None:
    tool = {**SEARCH, "filters": {"allowed_domains": ["x.test"]}, "user_location": PLACE}
    answer = asked({**tool, "search_context_size": "low"}, max_tool_calls=3)
    assert answer.params["tools"] == [
        {
            **UPSTREAMS,
            "allowed_domains": ["x.test"],
            "user_location": {"type": "approximate", "city": "Bern"},
            "max_uses": 3,
        }
    ]
    assert answer.ignored == ("tools[0].search_context_size",)


def test_a_limit_of_calls_is_only_for_searches() -> None:
    assert asked({"type": "function", "name": "look"}, max_tool_calls=3).ignored == (
        "max_tool_calls",
    )


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ({"type": "web_search_preview"}, {"type": "tool", "name": "web_search"}),
        (SEARCH, {"type": "tool", "name": "web_search"}),
        ({"type": "allowed_tools", "mode": "required", "tools": [SEARCH]}, {"type": "any"}),
    ],
)
def test_a_search_can_be_chosen(choice: object, sent: object) -> None:
    answer = asked(SEARCH, {"type": "function", "name": "look"}, tool_choice=choice)
    assert answer.params["tool_choice"] == sent


def test_one_of_anthropics_own_tools_is_passed_on() -> None:
    own = {"type": "code_execution_20250825", "name": "code_execution"}
    assert asked(own).params["tools"] == [own]


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        ({"external_web_access": False}, "tools[0].external_web_access"),
        ({"external_web_access": 5}, "tools[0].external_web_access"),
        ({"search_context_size": "huge"}, "tools[0].search_context_size"),
        ({"filters": []}, "tools[0].filters"),
        ({"filters": {"allowed_domains": "x.test"}}, "tools[0].filters.allowed_domains"),
        ({"filters": {"allowed_domains": [5]}}, "tools[0].filters.allowed_domains[0]"),
        ({"user_location": "Bern"}, "tools[0].user_location"),
        ({"user_location": {"city": 5}}, "tools[0].user_location.city"),
    ],
)
def test_what_is_wrong_is_named(tool: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        asked({**SEARCH, **tool})
    assert failure.value.param == param


@pytest.mark.parametrize("most", [0, "3"])
def test_a_limit_that_is_none_is_refused(most: object) -> None:
    with pytest.raises(InvalidRequest) as failure:
        asked(SEARCH, max_tool_calls=most)
    assert failure.value.param == "max_tool_calls"


def test_a_search_is_repeated_in_the_response() -> None:
    tool = {**SEARCH, "filters": {"allowed_domains": ["x.test"]}, "user_location": PLACE, "odd": []}
    said = echo({"tools": [tool, UPSTREAMS], "tool_choice": SEARCH})
    assert said["tool_choice"] == {"type": "web_search_preview"}
    assert said["tools"] == [
        {
            "type": "web_search",
            "filters": {"allowed_domains": ["x.test"]},
            "user_location": {**PLACE, "region": None, "timezone": None},
        }
    ]
    respond(TEXT, said=said)


def respond(*content: object, said: dict[str, object] | None = None, sources: bool = True) -> Any:
    message = {"id": "msg_1", "model": "m", "content": list(content), "stop_reason": "end_turn"}
    opening = Opening("resp_ab", 1, "m", said or echo({}))
    answer = whole(opening, message, Client("ab", {}, thinking=True, sources=sources), 2)
    Response.model_validate(answer, strict=True)
    return answer["output"]


def test_a_search_is_an_item_with_what_was_found() -> None:
    search, said = respond(ASKED, RESULT, TEXT)
    assert search == {
        "id": "ws_ab00",
        "type": "web_search_call",
        "status": "completed",
        "action": {
            "type": "search",
            "query": "foxes",
            "queries": ["foxes"],
            "sources": [{"type": "url", "url": "https://x.test"}],
        },
    }
    assert said["id"] == "msg_ab01"
    [quiet] = respond(ASKED, RESULT, sources=False)
    assert "sources" not in quiet["action"]


@pytest.mark.parametrize(
    "given", [RawJson('{"query": "foxes"}'), '{"query":"foxes"}', {"query": "foxes"}]
)
def test_a_query_may_still_be_json(given: object) -> None:
    [search] = respond({**ASKED, "input": given})
    assert search["action"]["query"] == "foxes"


@pytest.mark.parametrize("given", ["{", RawJson("x"), None, {"query": 5}, []])
def test_a_query_that_cannot_be_told_is_empty(given: object) -> None:
    [search] = respond({**ASKED, "input": given})
    assert (search["action"]["query"], search["action"]["queries"]) == ("", [])


def test_a_search_that_failed_says_so() -> None:
    error = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    [search] = respond(ASKED, {**RESULT, "content": error})
    assert (search["status"], search["action"]["sources"]) == ("failed", [])


def test_another_searchs_result_is_not_taken_for_this_ones() -> None:
    one, other = respond(ASKED, {**ASKED, "id": "srv_2"}, RESULT)
    assert one["action"]["sources"] == other["action"]["sources"] == []


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ([TEXT], True),
        ([{"type": "tool_use", "id": "a", "name": "look", "input": {}}], True),
        ([ASKED, RESULT], False),
        ([{"type": "hologram"}, TEXT], False),
        ([{**TEXT, "citations": [{}]}], False),
        ([{"type": "text", "text": " "}], False),
    ],
)
def test_t08_thinking_behind_what_cannot_come_back_is_not_for_keeping(
    before: list[dict[str, object]], kept: bool
) -> None:
    items = respond(THOUGHT, *before, THOUGHT)
    first, last = (item for item in items if item["type"] == "reasoning")
    assert first["encrypted_content"] is not None
    assert (last["encrypted_content"] is not None) is kept
    assert json.dumps(items)
