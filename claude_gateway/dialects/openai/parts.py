"""Parts of a message's content as Anthropic's content blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from claude_gateway.dialects.fields import expect, optional, passed_on, required, wrong

Block: TypeAlias = dict[str, object]

DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,([A-Za-z0-9+/=_\s-]+)")


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
    else:
        wrong(
            f"{path}.type",
            f"{kind[:50]!r} is not supported; text, image_url and file are",
            code="unsupported_value",
        )
    cache_control = passed_on(part, "cache_control", f"{path}.")
    if found and cache_control:
        found[0]["cache_control"] = cache_control
    return found


def _text(text: str) -> list[Block]:
    return [{"type": "text", "text": text}] if text.strip() else []


def _image(image: object, path: str) -> Block:
    if isinstance(image, str):
        url = image
    else:
        url = required(expect(image, dict, path), "url", str, f"{path}.")
        path = f"{path}.url"
    if url.startswith("data:"):
        return {"type": "image", "source": _base64(url, path)}
    if not url.startswith(("https://", "http://")):
        wrong(path, "must be an http(s) URL or a base64 data URL")
    return {"type": "image", "source": {"type": "url", "url": url}}


def _file(file: Mapping[str, object], path: str) -> Block:
    document: Block = {"type": "document"}
    if file_id := optional(file, "file_id", str, f"{path}."):
        document["source"] = {"type": "file", "file_id": file_id}
    else:
        given = required(file, "file_data", str, f"{path}.")
        document["source"] = _base64(given, f"{path}.file_data")
    if filename := optional(file, "filename", str, f"{path}."):
        document["title"] = filename
    return document


def _base64(url: str, path: str) -> Block:
    match = DATA_URL.fullmatch(url)
    if match is None:
        wrong(path, "must be a base64 data URL: data:<media type>;base64,<data>")
    return {"type": "base64", "media_type": match[1].lower(), "data": re.sub(r"\s", "", match[2])}
