"""Parts of a message's content as Anthropic's content blocks."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.fields import expect, optional, passed_on, required, wrong
from claude_gateway.dialects.openai.caching import breakpoint_of
from claude_gateway.dialects.openai.media import Block, by_value

# Anthropic's own blocks, which some clients mix in.
NATIVE = ("image", "document")
AUDIO = "input_audio"  # Claude hears nothing: such parts are left out, and reported


def has_audio(content: object) -> bool:
    """Whether content has parts that `blocks` leaves out."""
    if not isinstance(content, list):
        return False
    return any(isinstance(part, dict) and part.get("type") == AUDIO for part in content)


def blocks(content: object, path: str) -> list[Block]:
    """Translate a user's or a tool's content: a string, or parts. Empty text is dropped."""
    if content is None:
        return []
    if isinstance(content, str):
        return _text(content)
    found: list[Block] = []
    for i, part in enumerate(expect(content, list, path)):
        found += _part(expect(part, dict, f"{path}[{i}]"), f"{path}[{i}]")
    return found


def text_blocks(content: object, path: str, *, refusals: bool = False) -> list[Block]:
    """Translate content that can only be text (and, from an assistant, a refusal)."""
    if content is None:
        return []
    if isinstance(content, str):
        return _text(content)
    found: list[Block] = []
    for i, part in enumerate(expect(content, list, path)):
        where = f"{path}[{i}]"
        fields = expect(part, dict, where)
        kind = required(fields, "type", str, f"{where}.")
        if kind == "refusal" and refusals:
            found += _text(required(fields, "refusal", str, f"{where}."))
        elif kind == "text":
            found += _part(fields, where)
        else:
            wrong(f"{where}.type", "must be 'text' in this role", code="unsupported_value")
    return found


def _part(part: Mapping[str, object], path: str) -> list[Block]:
    kind = required(part, "type", str, f"{path}.")
    if kind == "text":
        found = _text(required(part, "text", str, f"{path}."))
    elif kind == "image_url":
        found = [_image(part.get("image_url"), f"{path}.image_url")]
    elif kind == "file":
        found = [_file(required(part, "file", dict, f"{path}."), f"{path}.file")]
    elif kind == AUDIO:
        return []
    elif kind in NATIVE:
        found = [_native(kind, part, f"{path}.")]
    else:
        wrong(
            f"{path}.type",
            f"{kind[:50]!r} is not supported; text, image_url and file are",
            code="unsupported_value",
        )
    cache_control = breakpoint_of(part, path)
    if found and cache_control:
        found[0]["cache_control"] = cache_control
    return found


def _text(text: str) -> list[Block]:
    return [{"type": "text", "text": text}] if text.strip() else []


def _native(kind: str, part: Mapping[str, object], path: str) -> Block:
    required(part, "source", dict, path)
    block: Block = {"type": kind, "source": passed_on(part, "source", path)}
    for key in ("title", "context"):
        if value := optional(part, key, str, path):
            block[key] = value
    if citations := passed_on(part, "citations", path):
        block["citations"] = citations
    return block


def _image(image: object, path: str) -> Block:
    if isinstance(image, str):
        url = image
    else:
        url = required(expect(image, dict, path), "url", str, f"{path}.")
        path = f"{path}.url"
    if url[:5].lower() == "data:":
        return by_value(url, path)
    if not url[:8].lower().startswith(("https://", "http://")):
        wrong(path, "must be an http(s) URL or a base64 data URL")
    return {"type": "image", "source": {"type": "url", "url": url}}


def _file(file: Mapping[str, object], path: str) -> Block:
    filename = optional(file, "filename", str, f"{path}.")
    if file_id := optional(file, "file_id", str, f"{path}."):
        block: Block = {"type": "document", "source": {"type": "file", "file_id": file_id}}
    else:
        block = by_value(required(file, "file_data", str, f"{path}."), f"{path}.file_data")
    if filename and block["type"] == "document":
        block["title"] = filename
    return block
