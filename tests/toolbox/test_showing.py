"""What a model is shown of a result."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from claude_gateway import ToolResult
from claude_gateway.toolbox.showing import LARGEST_IMAGE, NOTHING, shown

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 30).decode()
IMAGE = {"type": "image", "data": PNG, "mimeType": "image/jpeg"}


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    assert all(block["type"] == "text" for block in blocks)
    return [block["text"] for block in blocks]


def test_text_is_shown_as_it_is() -> None:
    assert texts(shown(ToolResult.of(" a\n"), 100)) == [" a\n"]


@pytest.mark.parametrize(
    "content", [[], [{"type": "text", "text": ""}], [{"type": "text", "text": " \n"}]]
)
def test_t14_a_result_without_words_is_said_to_have_none(content: list[dict[str, object]]) -> None:
    assert texts(shown(ToolResult(content), 100)) == [NOTHING]


def test_structure_is_shown_where_there_are_no_words() -> None:
    assert texts(shown(ToolResult([], {"n": 1}), 100)) == ['{"n":1}']
    assert texts(shown(ToolResult.of("one", {"n": 1}), 100)) == ["one"]


def test_t22_an_image_is_shown_as_what_it_is() -> None:
    (block,) = shown(ToolResult([IMAGE]), 100)
    assert block["source"] == {"type": "base64", "media_type": "image/png", "data": PNG}
    resource = {"type": "resource", "resource": {"uri": "file:///a", "blob": PNG}}
    assert shown(ToolResult([resource]), 100)[0]["type"] == "image"


@pytest.mark.parametrize(
    "data", ["", "!!!!", PNG + "=", PNG[:-1], base64.b64encode(b"%PDF-1.4").decode(), "BM" * 20]
)
def test_what_is_no_image_is_only_named(data: str) -> None:
    said = texts(shown(ToolResult([{**IMAGE, "data": data}]), 100))
    assert said == ["[image, image/jpeg]"]


def test_an_image_that_is_too_large_upstream_is_only_named() -> None:
    data = PNG + "A" * LARGEST_IMAGE
    assert texts(shown(ToolResult([{**IMAGE, "data": data}]), 100)) == ["[image, image/jpeg]"]


def test_a_failed_result_is_only_text() -> None:
    result = ToolResult([{"type": "text", "text": "no"}, IMAGE], is_error=True)
    assert texts(shown(result, 100)) == ["no", "[image, image/jpeg]"]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}, "[audio, audio/wav]"),
        (
            {"type": "resource_link", "uri": "file:///a", "name": "a", "description": "All of it"},
            "[resource_link, a, All of it, file:///a]",
        ),
        ({"type": "resource", "resource": {"uri": "u", "text": "Hello"}}, "Hello"),
        (
            {"type": "resource", "resource": {"uri": "u", "mimeType": "x/y", "blob": "AAAA"}},
            "[resource, x/y, u]",
        ),
        ({"type": "resource"}, "[resource]"),
        ({"type": "new"}, "[new]"),
        ({"type": "text", "text": 5}, "[text]"),
        ({"type": "text", "text": "half \ud83d"}, "half \ufffd"),
    ],
)
def test_other_content_is_named(part: dict[str, object], said: str) -> None:
    assert texts(shown(ToolResult([part]), 100)) == [said]


def test_a_long_result_is_cut_and_says_so() -> None:
    parts = [{"type": "text", "text": text} for text in ("é" * 30, "second", "third")]
    kept, note = texts(shown(ToolResult(parts), 25))
    assert kept == "é" * 12
    assert note.startswith("[The result was cut here: 47 more bytes are left out")
    first, second, note = texts(shown(ToolResult(parts), 63))
    assert (first, second) == ("é" * 30, "sec")
    assert "8 more bytes" in note
    assert len(shown(ToolResult(parts), 71)) == 3
