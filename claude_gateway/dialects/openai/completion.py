"""A whole answer as a `chat.completion`."""

from __future__ import annotations

from collections.abc import Mapping

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
    said = _said(visible(message, extras.own), tool_names or {}, endings.refusal(message))
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
                **endings.finish(message, has_calls="tool_calls" in said),
            }
        ],
        "usage": extras.usage(used or Usage.from_wire(message.get("usage"))),
        **extras.fields,
        **endings.changes(message),
    }


def final_text(message: Mapping[str, object]) -> str | None:
    """Return the text of an answer; None when it calls tools or refuses, and so is not the last."""
    refusal = endings.refusal(message)
    said = _said(message, {}, refusal)
    return None if refusal or "tool_calls" in said else str(said["content"])


def _said(
    message: Mapping[str, object], names: Mapping[str, str], refusal: str | None
) -> dict[str, object]:
    """Return what the blocks of a message say, as OpenAI's message."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, object]] = []
    content = message.get("content")
    for block in content if isinstance(content, list) else ():
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text" and isinstance(piece := block.get("text"), str):
            texts.append(piece)
        elif kind == "thinking" and isinstance(piece := block.get("thinking"), str):
            thoughts.append(piece)
        elif kind == "tool_use":
            calls.append(_call(block, names))
    said: dict[str, object] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not calls else None,
        "refusal": refusal,
    }
    if any(thoughts):
        said["reasoning_content"] = "".join(thoughts)
    if calls:
        said["tool_calls"] = calls
    return said


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
