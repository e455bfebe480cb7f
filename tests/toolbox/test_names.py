"""T-23: names of tools on the wire."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_gateway.naming import TAKEN
from claude_gateway.toolbox.names import LONGEST, wire_name

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=500)
PARTS = st.text("ab_-x.", min_size=1, max_size=5) | st.text(min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("server", "tool", "name"),
    [
        ("mcp_filesystem", "read_file", "mcp_filesystem__read_file"),
        ("a", "_b", "a___b"),
        ("a", "b__c", "a__b__c"),
        ("a-b", "c-d", "a-b__c-d"),
        ("s", "x" * (LONGEST - 3), "s__" + "x" * (LONGEST - 3)),
    ],
)
def test_t23_a_plain_name_is_the_servers_and_the_tools(server: str, tool: str, name: str) -> None:
    assert wire_name(server, tool) == name


@pytest.mark.parametrize(
    ("server", "tool", "begin"),
    [
        ("git.hub", "issues/list", "git_hub__issues_list-x"),
        ("a__b", "c", "a__b__c-x"),
        ("a_", "b", "a___b-x"),
        ("s", "x" * 200, "s__" + "x" * 39 + "-x"),
        ("s", "größe", "s__gr_e-x"),
    ],
)
def test_t23_another_name_is_made_of_what_can_be_kept(server: str, tool: str, begin: str) -> None:
    assert wire_name(server, tool).startswith(begin)


@SAME_EVERY_TIME
@given(st.lists(st.tuples(PARTS, PARTS), unique=True, max_size=30))
def test_t23_names_are_taken_by_every_api_and_none_is_another_ones(
    pairs: list[tuple[str, str]],
) -> None:
    names = [wire_name(*pair) for pair in pairs]
    assert all(TAKEN.fullmatch(name) and len(name) <= LONGEST for name in names)
    assert len(set(names)) == len(pairs)


def test_t23_a_tool_cannot_take_the_made_name_of_another() -> None:
    made = wire_name("s", "a.b")
    assert wire_name("s", made.removeprefix("s__")) != made


@pytest.mark.parametrize("seed", ["1", "2"])
def test_t23_a_name_is_the_same_in_every_process(seed: str) -> None:
    code = "from claude_gateway.toolbox.names import wire_name as w; print(w('s', 'a.b'))"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
    )
    assert run.stdout.decode().strip() == wire_name("s", "a.b")
