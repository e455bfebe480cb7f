"""Parts of a message's content as Anthropic's content blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from claude_gateway.dialects.fields import expect, optional, passed_on, required, wrong
from claude_gateway.dialects.openai.caching import breakpoint_of
from claude_gateway.dialects.openai.media import Block, by_value, is_link

# Reads one part: its type, its fields, where it stands.
PartReader: TypeAlias = Callable[[str, Mapping[str, object], str], list[Block]]

# Anthropic's own blocks, which some clients mix in.
NATIVE = ("image", "document")
AUDIO = "input_audio"  # Claude hears nothing: such parts are left out, and reported
DETAIL = "image_url.detail"  # it looks as closely as it can


def has_audio(content: object) -> bool:
    """Whether content has parts that `blocks` leaves out."""
    if not isinstance(content, list):
        return False
    return any(isinstance(part, dict) and part.get("type") == AUDIO for part in content)


def left_out(content: object) -> set[str]:
    """Name what parts ask for beside their content and no model of ours has."""
    images = (
        [part.get("image_url") for part in content if isinstance(part, dict)]
        if isinstance(content, list)
        else []
    )
    detailed = any(
        isinstance(image, dict) and image.get("detail") not in (None, "auto") for image in images
    )
    return {DETAIL} if detailed else set()


def blocks(content: object, path: str, read: PartReader | None = None) -> list[Block]:
    """Translate a user's or a tool's content: a string, or parts. Empty text is dropped.

    `read` knows the parts of another dialect than chat.
    """
    if content is None:
        return []
    if isinstance(content, str):
        return text(content)
    read = read or _part
    found: list[Block] = []
    for i, part in enumerate(expect(content, list, path, also="a string or ")):
        where = f"{path}[{i}]"
        fields = expect(part, dict, where)
        said = read(required(fields, "type", str, f"{where}."), fields, where)
        cache_control = breakpoint_of(fields, where)
        if said and cache_control:
            said[0]["cache_control"] = cache_control
        found += said
    return found


def text_blocks(content: object, path: str, *, refusals: bool = False) -> list[Block]:
    """Translate content that can only be text (and, from an assistant, a refusal)."""
    return blocks(content, path, _words if refusals else _text_only)


def text(words: str) -> list[Block]:
    """Return a block of text; none when there is nothing to read."""
    return [{"type": "text", "text": words}] if words.strip() else []


def native(kind: str, part: Mapping[str, object], path: str) -> Block:
    """Return one of Anthropic's own blocks, which goes up as it is."""
    required(part, "source", dict, f"{path}.")
    block: Block = {"type": kind, "source": passed_on(part, "source", f"{path}.")}
    for key in ("title", "context"):
        if value := optional(part, key, str, f"{path}."):
            block[key] = value
    if citations := passed_on(part, "citations", f"{path}."):
        block["citations"] = citations
    return block


def by_url(kind: str, url: str, path: str) -> Block:
    """Return the image or the document at a URL, or in one."""
    if url[:5].lower() == "data:":
        return by_value(url, path)
    if not is_link(url):
        wrong(path, "must be an http(s) URL or a base64 data URL")
    return {"type": kind, "source": {"type": "url", "url": url}}


def document(file: Mapping[str, object], path: str) -> Block:
    """Return a file by its id, by a URL or by value, with its name as the title."""
    filename = optional(file, "filename", str, f"{path}.")
    if file_id := optional(file, "file_id", str, f"{path}."):
        block = by_id("document", file_id)
    elif url := optional(file, "file_url", str, f"{path}."):
        block = by_url("document", url, f"{path}.file_url")
    else:
        block = by_value(required(file, "file_data", str, f"{path}."), f"{path}.file_data")
    if filename and block["type"] == "document":
        block["title"] = filename
    return block


def by_id(kind: str, file_id: str) -> Block:
    """Return an image or a document that was uploaded before."""
    return {"type": kind, "source": {"type": "file", "file_id": file_id}}


def _part(kind: str, part: Mapping[str, object], path: str) -> list[Block]:
    if kind == "text":
        return text(required(part, "text", str, f"{path}."))
    if kind == "image_url":
        return [_image(part.get("image_url"), f"{path}.image_url")]
    if kind == "file":
        return [document(required(part, "file", dict, f"{path}."), f"{path}.file")]
    if kind == AUDIO:
        return []
    if kind not in NATIVE:
        wrong(
            f"{path}.type",
            f"{kind[:50]!r} is not supported; text, image_url and file are",
            code="unsupported_value",
        )
    return [native(kind, part, path)]


def _text_only(kind: str, part: Mapping[str, object], path: str) -> list[Block]:
    if kind != "text":
        wrong(f"{path}.type", "must be 'text' in this role", code="unsupported_value")
    return text(required(part, "text", str, f"{path}."))


def _words(kind: str, part: Mapping[str, object], path: str) -> list[Block]:
    if kind == "refusal":
        return text(required(part, "refusal", str, f"{path}."))
    return _text_only(kind, part, path)


def _image(given: object, path: str) -> Block:
    if isinstance(given, str):
        return by_url("image", given, path)
    url = required(expect(given, dict, path), "url", str, f"{path}.")
    return by_url("image", url, f"{path}.url")
