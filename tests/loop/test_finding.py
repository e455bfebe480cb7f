"""Tools that a model finds: which fit its words, and what calling several of them gives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from claude_gateway import Tool, ToolResult
from claude_gateway.loop.asking import Asked, refused
from claude_gateway.loop.finding import MOST_CALLS, found, stand_ins, stands_in, stood_in
from claude_gateway.toolbox import Entry, Outcome
from claude_gateway.toolbox.entries import checked
from claude_gateway.types.tools import unheard

PATH = {"type": "object", "properties": {"path": {"type": "string"}}}
TOOLS = [
    Tool("read_file", "Read a text file.", PATH),
    Tool("write_file", "Write a text file.", PATH),
    Tool("forecast", "Say what the weather will be.", {}, title="Weather"),
]


@pytest.fixture
def hidden() -> dict[str, Entry]:
    return {entry.wire_name: entry for entry in checked("s", TOOLS)[0]}


@pytest.fixture
def search() -> Entry:
    return next(entry for entry in stand_ins() if entry.tool.name == "search_tools")


@pytest.fixture
def call() -> Entry:
    return next(entry for entry in stand_ins() if entry.tool.name == "call_tools")


def asked(entry: Entry, **arguments: object) -> Asked:
    return Asked("toolu_1", entry, arguments, unheard, 5)


def names(result: ToolResult) -> list[str]:
    return [tool["name"] for tool in json.loads(result.text)]


async def echo(asked: Asked) -> Outcome:
    """Say which call it was."""
    if asked.arguments.get("path") == "fail":
        return refused(asked, "No luck.")
    result = ToolResult.of(f"{asked.id} {asked.entry.tool.name} {asked.arguments}")
    return Outcome(asked.entry.wire_name, result, [], 0.0, 0, asked.entry)


def test_the_two_are_always_the_same_and_can_be_offered() -> None:
    assert [entry.wire_name for entry in stand_ins()] == [
        "gateway__call_tools",
        "gateway__search_tools",
    ]
    assert stand_ins() == stand_ins()
    assert all(map(stands_in, stand_ins()))


@pytest.mark.parametrize(
    ("query", "fitting"),
    [
        ("weather", ["s__forecast"]),
        ("WRITE a file", ["s__write_file", "s__read_file"]),
        ("read_file", ["s__read_file", "s__write_file"]),
        ("path", ["s__read_file", "s__write_file"]),
        ("s__forecast", ["s__forecast"]),
    ],
)
def test_the_best_fit_comes_first(hidden: dict[str, Entry], query: str, fitting: list[str]) -> None:
    assert names(found(hidden, query, 10))[: len(fitting)] == fitting
    assert names(found(hidden, query, 1)) == fitting[:1]


def test_what_is_found_is_what_a_model_would_be_told(hidden: dict[str, Entry]) -> None:
    (told,) = json.loads(found(hidden, "weather", 10).text)
    assert told == hidden["s__forecast"].definition


@pytest.mark.parametrize("query", ["", "zebra", "???"])
def test_where_nothing_fits_the_names_are_told(hidden: dict[str, Entry], query: str) -> None:
    text = found(hidden, query, 10).text
    assert text == "No tool fits these words. There are: s__forecast, s__read_file, s__write_file"


async def test_several_are_called_at_once_and_one_that_fails_fails_alone(
    hidden: dict[str, Entry], call: Entry
) -> None:
    calls: list[dict[str, Any]] = [
        {"name": "s__read_file", "arguments": {"path": "a"}},
        {"name": "s__read_file", "arguments": {"path": "fail"}},
        {"name": "s__ghost"},
        {"name": "s__forecast"},
    ]
    result = await stood_in(asked(call, calls=calls), hidden, echo)
    assert [block["text"] for block in result.content] == [
        "[s__read_file]",
        "toolu_1.0 read_file {'path': 'a'}",
        "[s__read_file failed]",
        "No luck.",
        "[s__ghost failed]",
        "There is no such tool here; search for it.",
        "[s__forecast]",
        "toolu_1.3 forecast {}",
    ]
    assert not result.is_error
    only = await stood_in(asked(call, calls=calls[1:3]), hidden, echo)
    assert only.is_error


async def test_calls_run_side_by_side(hidden: dict[str, Entry], call: Entry) -> None:
    barrier = asyncio.Barrier(3)

    async def meet(asked: Asked) -> Outcome:
        await barrier.wait()
        return await echo(asked)

    calls = [{"name": "s__forecast"}] * 3
    async with asyncio.timeout(5):
        result = await stood_in(asked(call, calls=calls), hidden, meet)
    assert len(result.content) == 6


@pytest.mark.parametrize(
    "arguments",
    [{}, {"query": 5}, {"query": "x", "limit": 0}, {"query": "x", "limit": 26}],
)
async def test_a_search_that_does_not_fit_is_a_failed_result(
    hidden: dict[str, Entry], search: Entry, arguments: dict[str, object]
) -> None:
    result = await stood_in(asked(search, **arguments), hidden, echo)
    assert result.is_error
    assert "do not fit the tool's schema" in result.text


@pytest.mark.parametrize(
    "calls",
    [
        [],
        {},
        [{}],
        [{"name": "s__forecast", "arguments": []}],
        [{"name": "s__forecast"}] * (MOST_CALLS + 1),
    ],
)
async def test_calls_that_do_not_fit_are_a_failed_result(
    hidden: dict[str, Entry], call: Entry, calls: object
) -> None:
    result = await stood_in(asked(call, calls=calls), hidden, echo)
    assert result.is_error
