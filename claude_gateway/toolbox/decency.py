"""Whether what a server says of its resources and prompts can be shown: None, or a phrase why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway import sse
from claude_gateway.toolbox.calling import LARGEST
from claude_gateway.types.prompts import Prompt, PromptArgument, PromptResult, Suggestions
from claude_gateway.types.server_resources import Resource, ResourceTemplate

LARGEST_ENTRY = 64 * 2**10  # bytes of one entry of a list, as JSON
LONGEST_URI = 4096  # characters
LONGEST_NAME = 1024


def decent_resource(resource: object) -> str | None:
    """Look at an entry of a list of resources."""
    if not isinstance(resource, Resource):
        return f"is no Resource but a {type(resource).__name__}"
    r = resource
    if r.size is not None and (type(r.size) is not int or r.size < 0):
        return "has a size that is no whole number from 0"
    return _uri(r.uri) or _entry(r.name, [r.title, r.description, r.mime_type], r.annotations)


def decent_template(template: object) -> str | None:
    """Look at an entry of a list of templates."""
    if not isinstance(template, ResourceTemplate):
        return f"is no ResourceTemplate but a {type(template).__name__}"
    t = template
    texts = [t.title, t.description, t.mime_type]
    return _uri(t.uri_template) or _entry(t.name, texts, t.annotations)


def decent_prompt(prompt: object) -> str | None:
    """Look at an entry of a list of prompts."""
    if not isinstance(prompt, Prompt):
        return f"is no Prompt but a {type(prompt).__name__}"
    texts: list[object] = [prompt.title, prompt.description]
    for argument in prompt.arguments:
        if not _is_argument(argument):
            return "has an argument that has no name"
        texts += [argument.name, argument.title, argument.description]
    return _entry(prompt.name, texts, {})


def decent_contents(contents: object) -> str | None:
    """Look at what a resource was read as."""
    if not isinstance(contents, list | tuple) or not all(map(_is_content, contents)):
        return "is no list of contents, each with a uri and either text or blob"
    return _size(contents)


def decent_messages(result: object) -> str | None:
    """Look at a prompt that was filled in."""
    if not isinstance(result, PromptResult) or not isinstance(result.description, str):
        return "is no PromptResult"
    if not all(map(_is_message, result.messages)):
        return "has messages without a role, or without a content block"
    return _size(result.messages)


def decent_suggestions(found: object) -> str | None:
    """Look at what an argument may become."""
    if not isinstance(found, Suggestions) or not all(isinstance(v, str) for v in found.values):
        return "is no Suggestions of texts"
    return None if found.total is None or type(found.total) is int else "has a total that is none"


def _uri(uri: object) -> str | None:
    fine = isinstance(uri, str) and 0 < len(uri) <= LONGEST_URI and uri.isprintable()
    return None if fine else f"has no URI of 1 to {LONGEST_URI} characters that can be seen"


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()


def _is_argument(argument: object) -> bool:
    return isinstance(argument, PromptArgument) and _is_name(argument.name)


def _entry(name: object, texts: Sequence[object], annotations: object) -> str | None:
    if not _is_name(name):
        return f"has no name of 1 to {LONGEST_NAME} characters that can be seen"
    if not all(isinstance(text, str) for text in texts) or not isinstance(annotations, Mapping):
        return "is not described in text"
    try:
        size = len(sse.compact([name, texts, annotations]))
    except (TypeError, ValueError, RecursionError):
        return "is not described in JSON"
    return f"is more than {LARGEST_ENTRY // 2**10} KB" if size > LARGEST_ENTRY else None


def _is_content(content: object) -> bool:
    if not isinstance(content, Mapping) or not isinstance(content.get("uri"), str):
        return False
    return isinstance(content.get("text"), str) != isinstance(content.get("blob"), str)


def _is_message(message: object) -> bool:
    if not isinstance(message, Mapping) or message.get("role") not in ("user", "assistant"):
        return False
    block = message.get("content")
    return isinstance(block, Mapping) and isinstance(block.get("type"), str)


def _size(value: object) -> str | None:
    try:
        size = len(sse.compact(value))
    except (TypeError, ValueError, RecursionError):
        return "is not JSON"
    return f"is more than {LARGEST // 2**20} MB" if size > LARGEST else None
