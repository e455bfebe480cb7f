"""What a model is shown of a tool's result: Anthropic's content blocks, of bounded size."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from claude_gateway import sse
from claude_gateway.media_types import IMAGES, seen
from claude_gateway.types.tools import ToolResult

Block: TypeAlias = dict[str, object]

NOTHING = "(The tool gave no output.)"
LARGEST_IMAGE = 5 * 2**20  # characters of base64; upstream refuses the whole request above
ENOUGH = 16  # characters of base64 that show what something is


def shown(result: ToolResult, most: int) -> list[Block]:
    """Return what the model is given, with at most `most` bytes of text, never nothing.

    What is left out is said in its place. Upstream takes only text of a result that failed.
    """
    blocks = [_block(part, images=not result.is_error) for part in result.content]
    if not any(map(_says_something, blocks)) and result.structured_content is not None:
        blocks = [_text(sse.compact(result.structured_content).decode())]
    return list(_bounded(blocks, most)) or [_text(NOTHING)]


def _bounded(blocks: Sequence[Block], most: int) -> Iterator[Block]:
    size = left_out = 0
    for block in filter(_says_something, blocks):
        text = block.get("text")
        if not isinstance(text, str):
            yield block
            continue
        whole = text.encode()
        kept = whole[: most - size].decode(errors="ignore")
        size += min(len(whole), most - size)
        left_out += len(whole) - len(kept.encode())
        if kept.strip():
            yield _text(kept)
    if left_out:
        yield _text(
            f"[The result was cut here: {left_out} more bytes are left out, because a model is given "
            f"at most {most}. Ask for less at a time.]"
        )


def _says_something(block: Block) -> bool:
    """Upstream refuses blank text."""
    return block["type"] != "text" or bool(str(block["text"]).strip())


def _block(part: Mapping[str, object], *, images: bool) -> Block:
    match part:
        case {"type": "text", "text": str(text)}:
            return _text(text)
        case {"type": "image", "data": str(data)} if images:
            return _image(data) or _text(_note("image", part))
        case {"type": "resource", "resource": {"text": str(text)}}:
            return _text(text)
        case {"type": "resource", "resource": {"blob": str(data)}} if images:
            return _image(data) or _text(_note("resource", part))
        case _:
            return _text(_note(str(part.get("type")), part))


def _image(data: str) -> Block | None:
    """Return the block of an image that models can look at, by what it is and not what it claims."""
    try:
        kind = seen(base64.b64decode(data[:ENOUGH]))
        if kind not in IMAGES or len(data) > LARGEST_IMAGE:
            return None
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def _note(kind: str, part: Mapping[str, object]) -> str:
    """Name what cannot be shown, or a link."""
    inner = part.get("resource")
    part = inner if isinstance(inner, Mapping) else part
    known = (part.get(key) for key in ("title", "name", "description", "mimeType", "uri"))
    return f"[{', '.join([kind, *(word for word in known if isinstance(word, str) and word)])}]"


def _text(text: str) -> Block:
    return {"type": "text", "text": sse.whole_characters(text)}
