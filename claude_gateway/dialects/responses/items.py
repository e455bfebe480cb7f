"""Items: what a request puts into the conversation, as Anthropic's turns and content blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.openai.calls import call
from claude_gateway.dialects.openai.parts import blocks, has_audio
from claude_gateway.dialects.openai.turns import Conversation, Turns, marked
from claude_gateway.dialects.responses.parts import part, words
from claude_gateway.dialects.responses.thoughts import unpacked

ROLES = ("user", "assistant", "system", "developer")
READ = ("message", "function_call", "function_call_output", "reasoning")
DETAIL = "detail"  # of an image or a file: it looks as closely as it can
# What upstream's own tools found is not in these items, and those of the gateway's were called between
# turns that the client has seen as one; the words that followed are in the history.
LEFT_OUT = ("web_search_call", "mcp_call")


@dataclass(frozen=True, slots=True)
class Told:
    """How a conversation is told to a model.

    `system_messages`: whether it lets the system speak among the turns; `thoughts`: whether it is
    the one whose thinking the history holds; `fill_in`: whether an error takes the place of results
    that are missing.
    """

    system_messages: bool = False
    thoughts: bool = True
    fill_in: bool = False


PLAINLY = Told()


def items(given: object) -> Sequence[object]:
    """Return the items of a request's `input`, of which a string is one."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    found = expect(given, list, "input", also="a string or ")
    if not found:
        wrong("input", "must have at least one item", code="missing_field")
    return found


def conversation(
    said: Sequence[object],
    instructions: str | None = None,
    told: Told = PLAINLY,
    open_calls: Sequence[str] = (),
) -> Conversation:
    """Translate what is said. Raises InvalidRequest naming the item.

    `open_calls` are the ids of calls made before, which the first items may answer.
    """
    turns = Turns(
        system_messages=told.system_messages,
        answer="function_call_output",
        fill_in=told.fill_in,
        open_calls=open_calls,
    )
    turns.asked("input")
    if instructions and instructions.strip():
        turns.system([{"type": "text", "text": instructions}])
    _read(turns, said, "input", thoughts=told.thoughts)
    turns.finish()
    if not turns.talk.messages:
        wrong("input", "must have at least one message of a user with some content")
    return turns.talk


def _read(turns: Turns, said: Sequence[object], path: str, *, thoughts: bool) -> None:
    for i, one in enumerate(said):
        item, where = expect(one, dict, f"{path}[{i}]"), f"{path}[{i}]"
        kind = optional(item, "type", str, f"{where}.")
        if kind == "message" or (kind is None and "role" in item):
            _message(turns, item, where)
        elif kind == "function_call":
            _call(turns, item, where)
        elif kind == "function_call_output":
            _result(turns, item, where)
        elif kind == "reasoning":
            turns.resume()
            turns.thought(unpacked(item.get("encrypted_content")) if thoughts else ())
        elif kind not in LEFT_OUT:
            _refuse(kind, where)


def _message(turns: Turns, item: Mapping[str, object], path: str) -> None:
    role = required(item, "role", str, f"{path}.")
    content, where = item.get("content"), f"{path}.content"
    _note(turns, content)
    if role == "user":
        turns.user(marked(blocks(content, where, part), item, path), where)
    elif role == "assistant":
        turns.resume()
        turns.assistant(marked(blocks(content, where, words), item, path), f"{path}.role")
    elif role in ("system", "developer"):
        turns.system(marked(blocks(content, where, words), item, path))
    else:
        wrong(f"{path}.role", f"must be one of {', '.join(ROLES)}")


def _note(turns: Turns, content: object) -> None:
    """Note what parts ask for that no model of ours has."""
    if isinstance(content, str):
        return
    turns.talk.audio = turns.talk.audio or has_audio(content)
    for one in content if isinstance(content, list) else ():
        detail = one.get("detail") if isinstance(one, dict) else None
        if detail not in (None, "auto"):
            turns.talk.left_out.add(DETAIL)


def _call(turns: Turns, item: Mapping[str, object], path: str) -> None:
    turns.resume()
    asked = call(required(item, "call_id", str, f"{path}."), item, f"{path}.")
    turns.asked(path)
    block = turns.opened(asked, f"{path}.call_id")
    turns.assistant(marked([block], item, path), path)


def _result(turns: Turns, item: Mapping[str, object], path: str) -> None:
    call_id = required(item, "call_id", str, f"{path}.")
    output = item.get("output")
    if output is None:
        wrong(f"{path}.output", "is required and must be a string or parts", code="missing_field")
    _note(turns, output)
    said = blocks(output, f"{path}.output", part)
    marked([turns.result(call_id, said, f"{path}.call_id")], item, path)


def _refuse(kind: str | None, path: str) -> None:
    if kind in (None, "item_reference"):
        wrong(path, "refers to an item that is not kept here: send the item itself")
    wrong(
        f"{path}.type",
        f"{kind[:50]!r} is not supported; {', '.join(READ)} are",
        code="unsupported_value",
    )
