"""Shapes of a message's content in chat: a text, or parts."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.openai.parts import AUDIO, NATIVE
from claude_gateway.dialects.shapes.words import OBJECT, TEXT, Shape, array, asked, string

NO_FIELDS: Mapping[str, Shape] = {}
NOT_EMPTY = string(blank=False)
LINK: Shape = {"type": "string", "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://"}
BY_VALUE: Shape = {
    "type": "string",
    "pattern": r"^data:(?:image/(?:png|jpeg|gif|webp)|application/pdf);base64,(?:[A-Za-z0-9+/]{4})+$",
}
URL: Shape = {
    "anyOf": [LINK, BY_VALUE],
    "description": "An http(s) URL, or a base64 data URL: JPEG, PNG, GIF, WebP or PDF.",
}
SOURCE: Shape = {**OBJECT, "description": "Anthropic's own; it goes up as it is."}


def part(kind: str, needs: Mapping[str, Shape] = NO_FIELDS, **fields: Shape) -> Shape:
    """A part of one type, with what it needs and what it may have."""
    return asked({"type", *needs}, type={"const": kind}, **needs, **fields)


TEXT_PART = part("text", {"text": TEXT})
SAID = part("text", {"text": NOT_EMPTY})
IMAGE = part("image_url", {"image_url": {"anyOf": [URL, asked({"url"}, url=URL)]}})
FILE = part(
    "file",
    {
        "file": asked(
            (),
            filename=TEXT,
            file_id=TEXT,
            file_url=TEXT,
            file_data=TEXT,
            rules={
                "anyOf": [
                    {"properties": {"file_id": string(minLength=1)}, "required": ["file_id"]},
                    {"properties": {"file_url": URL}, "required": ["file_url"]},
                    {"properties": {"file_data": BY_VALUE}, "required": ["file_data"]},
                ]
            },
        )
    },
)
UNHEARD: Shape = {**part(AUDIO), "description": "Left out, and reported: Claude hears nothing."}
NATIVES = [
    part(kind, {"source": SOURCE}, title=TEXT, context=TEXT, citations=OBJECT) for kind in NATIVE
]
SHOWN = [IMAGE, FILE, *NATIVES]

# Text that says nothing is dropped, and of a message that is to be kept something must be left.
WORDS: Shape = {"anyOf": [NOT_EMPTY, array(TEXT_PART, contains=SAID)]}
CONTENT: Shape = {
    "anyOf": [
        NOT_EMPTY,
        array({"anyOf": [TEXT_PART, *SHOWN, UNHEARD]}, contains={"anyOf": [SAID, *SHOWN]}),
    ]
}
