"""Parts of an item's content as Anthropic's content blocks."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.fields import optional, required, wrong
from claude_gateway.dialects.openai.media import Block
from claude_gateway.dialects.openai.parts import (
    AUDIO,
    NATIVE,
    by_id,
    by_url,
    document,
    native,
    text,
)

TEXTS = ("input_text", "output_text")  # what was said is told apart by the role, not by the part


def part(kind: str, fields: Mapping[str, object], path: str) -> list[Block]:
    """Translate a part that a user or a tool may say."""
    if kind in TEXTS:
        return text(required(fields, "text", str, f"{path}."))
    if kind == "input_image":
        return [_image(fields, path)]
    if kind == "input_file":
        return [document(fields, path)]
    if kind == AUDIO:
        return []
    if kind not in NATIVE:
        wrong(
            f"{path}.type",
            f"{kind[:50]!r} is not supported; input_text, input_image and input_file are",
            code="unsupported_value",
        )
    return [native(kind, fields, path)]


def words(kind: str, fields: Mapping[str, object], path: str) -> list[Block]:
    """Translate a part that the system or the assistant may say."""
    if kind == "refusal":
        return text(required(fields, "refusal", str, f"{path}."))
    if kind not in TEXTS:
        wrong(
            f"{path}.type",
            "must be input_text, output_text or refusal in this role",
            code="unsupported_value",
        )
    return part(kind, fields, path)


def _image(fields: Mapping[str, object], path: str) -> Block:
    if file_id := optional(fields, "file_id", str, f"{path}."):
        return by_id("image", file_id)
    url = required(fields, "image_url", str, f"{path}.")
    return by_url("image", url, f"{path}.image_url")
