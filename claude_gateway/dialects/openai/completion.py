"""A whole answer as a `chat.completion`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway import sse
from claude_gateway.dialects.openai import endings
from claude_gateway.dialects.openai.names import client_name
from claude_gateway.dialects.openai.stream import NO_EXTRAS, Extras
from claude_gateway.dialects.visible import visible
from claude_gateway.types.usage import Usage


def completion(
    message: Mapping[str, object],
    created: int,
    tool_names: Mapping[str, str] | None = None,
    extras: Extras | None = None,
    used: Usage | None = None,
) -> dict[str, object]:
    """Translate Anthropic's message; `created` is in seconds since 1970.

    `tool_names` holds the client's names of tools by upstream's, where those differ;
    `used` is what the message's `usage` says, to who has read it already.
    """
    extras = extras or NO_EXTRAS
    blocks = _blocks(visible(message, extras.own))
    names = tool_names or {}
    calls = [_call(block, names) for block in blocks if block.get("type") == "tool_use"]
    texts = _pieces(blocks, "text")
    thoughts = _pieces(blocks, "thinking")
    said: dict[str, object] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not calls else None,
        "refusal": endings.refusal(message),
    }
    if any(thoughts):
        said["reasoning_content"] = "".join(thoughts)
    if calls:
        said["tool_calls"] = calls
    return {
        "id": f"chatcmpl-{message.get('id', '')}",
        "object": "chat.completion",
        "created": created,
        "model": message.get("model"),
        "choices": [
            {
                "index": 0,
                "message": said,
                "logprobs": None,
                **endings.finish(message, has_calls=bool(calls)),
            }
        ],
        "usage": extras.usage(used or Usage.from_wire(message.get("usage"))),
        **extras.fields,
        **endings.changes(message),
    }


def final_text(message: Mapping[str, object]) -> str | None:
    """Return the text of an answer; None when it calls tools or refuses, and so is not the last."""
    blocks = _blocks(message)
    calls = any(block.get("type") == "tool_use" for block in blocks)
    return None if calls or endings.refusal(message) else "".join(_pieces(blocks, "text"))


def _blocks(message: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    content = message.get("content")
    return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []


def _pieces(blocks: Sequence[Mapping[str, object]], kind: str) -> list[str]:
    """Return the strings of the blocks of one kind, which stand under the kind's own name."""
    found = [block.get(kind) for block in blocks if block.get("type") == kind]
    return [piece for piece in found if isinstance(piece, str)]


def _call(block: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    given = block.get("input")
    return {
        "id": block.get("id"),
        "type": "function",
        "function": {
            "name": client_name(block, names),
            "arguments": given if isinstance(given, str) else sse.compact(given or {}).decode(),
        },
    }
