"""JSON that is written again as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_gateway import sse
from claude_gateway.dialects.exact import parsed

FIGURES = [
    "0",
    "-0",
    "-0.0",
    "1.10",
    "1e5",
    "1E-7",
    "1e999",
    "12345678901234567890123",
    "-9223372036854775809",
    "42",
]


@pytest.mark.parametrize("figure", FIGURES)
def test_t07_every_figure_comes_out_as_it_went_in(figure: str) -> None:
    raw = f'{{"z":[{figure}],"a":"\u00e9"}}'.encode()
    assert sse.compact(parsed(raw)) == raw


@given(st.lists(st.integers() | st.text() | st.none() | st.booleans()))
def test_ordinary_json_is_unchanged(value: list[object]) -> None:
    raw = sse.compact(value)
    assert sse.compact(parsed(raw)) == raw
