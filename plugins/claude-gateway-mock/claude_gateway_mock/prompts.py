"""Reading a request: what was said last, and how many tokens the mock says it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from claude_gateway import InvalidRequest, ModelRequest


def count(text: str) -> int:
    """Tokens by the mock's only rule: one for every four characters begun, and at least one."""
    return max(1, -(-len(text) // 4))


def prompt_tokens(request: ModelRequest) -> int:
    """Count the text of system, messages and tools; pictures and documents weigh nothing."""
    params = request.params
    texts = [*_texts(params.get("system"))]
    for message in conversation(request):
        texts += _texts(message.get("content"))
    tools = params.get("tools")
    texts += map(compact, tools if isinstance(tools, list) else ())
    return count("".join(texts))


def conversation(request: ModelRequest) -> list[Mapping[str, object]]:
    """The messages that were exchanged; instructions between them are not part of it."""
    return [
        message
        for message in list[object](request.messages)
        if isinstance(message, Mapping) and message.get("role") in ("user", "assistant")
    ]


def text_of(content: object) -> str:
    """The text blocks of a message's content, one below the other."""
    return "\n".join(
        text for block in _blocks(content) if isinstance(text := block.get("text"), str)
    )


def results_of(content: object) -> list[str]:
    """What tools answered, as text, if this content brings results."""
    return [
        text_of(block.get("content"))
        for block in _blocks(content)
        if block.get("type") == "tool_result"
    ]


def compact(value: object) -> str:
    """JSON without blanks, as the API writes it."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except RecursionError:
        raise InvalidRequest("The request is nested too deeply for the mock backend.") from None


def encodable(text: str) -> str:
    """The same text, with a question mark for every half of a surrogate pair that is alone."""
    return text.encode("utf-8", "replace").decode()


def _blocks(content: object) -> list[Mapping[str, object]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return []
    return [block for block in content if isinstance(block, Mapping)]


def _texts(content: object) -> Iterator[str]:
    for block in _blocks(content):
        match block:
            case {"type": "tool_use", "name": str(name), "input": called_with}:
                yield name + compact(called_with)
            case {"type": "tool_result"}:
                yield text_of(block.get("content"))
            case {"thinking": str(text)} | {"text": str(text)}:
                yield text
            case _:
                continue  # a picture, a document, or something newer than this
