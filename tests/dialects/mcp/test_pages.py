"""Long lists of the Model Context Protocol, page by page."""

from __future__ import annotations

import base64

import pytest

from claude_gateway.dialects.mcp.pages import PAGE, page
from claude_gateway.errors import InvalidRequest


def named(*numbers: int) -> list[dict[str, object]]:
    return [{"name": f"tool-{number:05}"} for number in numbers]


def walk(things: list[dict[str, object]]) -> list[int]:
    """The sizes of all pages, which together are the list."""
    seen: list[object] = []
    sizes: list[int] = []
    params: dict[str, object] = {}
    while True:
        found = page(things, "name", params, "tools")
        (listed,) = [value for key, value in found.items() if key == "tools"]
        assert isinstance(listed, list)
        seen += listed
        sizes.append(len(listed))
        if "nextCursor" not in found:
            assert seen == sorted(things, key=lambda thing: str(thing["name"]))
            return sizes
        params = {"cursor": found["nextCursor"]}


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, [0]),
        (1, [1]),
        (PAGE, [PAGE]),
        (PAGE + 1, [PAGE, 1]),
        (2 * PAGE, [PAGE, PAGE]),
        (2 * PAGE + 3, [PAGE, PAGE, 3]),
    ],
)
def test_pages_together_are_the_list(count: int, sizes: list[int]) -> None:
    assert walk(named(*reversed(range(count)))) == sizes


def test_a_list_that_changes_between_pages_loses_nothing_that_stays() -> None:
    first = page(named(*range(PAGE + 10)), "name", {}, "tools")
    rest = page(named(*range(5, PAGE + 10)), "name", {"cursor": first["nextCursor"]}, "tools")
    assert rest == {"tools": named(*range(PAGE, PAGE + 10))}


@pytest.mark.parametrize(
    "cursor", ["?", "é", "AAA", base64.b64encode(b"\xff").decode(), 7, True, ["a"]]
)
def test_a_cursor_that_nobody_gave_is_refused(cursor: object) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        page(named(1), "name", {"cursor": cursor}, "tools")
    assert refusal.value.param == "cursor"
