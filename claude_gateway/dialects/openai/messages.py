"""Messages: OpenAI's roles and parts become Anthropic's turns and content blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.openai.calls import call
from claude_gateway.dialects.openai.media import Block
from claude_gateway.dialects.openai.parts import blocks, has_audio, left_out, text, text_blocks
from claude_gateway.dialects.openai.turns import Conversation, Turns, marked

ROLES = ("system", "developer", "user", "assistant", "tool")
SYSTEM = ("system", "developer")
ROLE_AND_CONTENT = 2  # fields
# Whose turn comes next in a conversation, which the user begins.
NEXT: Mapping[object, str] = {"assistant": "user", "user": "assistant"}


def conversation(
    messages: Sequence[object],
    system_prompt: str | None = None,
    *,
    system_messages: bool = False,
    open_calls: Sequence[str] = (),
    fill_in: bool = False,
) -> Conversation:
    """Translate a whole history. Raises InvalidRequest naming the message that is wrong.

    `system_messages`: whether the model lets the system speak among the turns. `open_calls` are the
    ids of calls made before the first message, which the first ones may answer; `fill_in` puts an
    error in the place of results that are missing.
    """
    if not messages:
        wrong("messages", "must have at least one message", code="missing_field")
    has_prompt = system_prompt is not None and system_prompt.strip()
    said: Block | None = {"type": "text", "text": system_prompt} if has_prompt else None
    if not open_calls and (talk := _plain(messages)) is not None:
        if said is not None:
            talk.system.insert(0, said)
        return talk
    turns = Turns(
        system_messages=system_messages,
        answer="tool message",
        open_calls=open_calls,
        fill_in=fill_in,
    )
    turns.asked("messages")
    if said is not None:
        turns.talk.system.append(said)
    for i, message in enumerate(messages):
        path = f"messages[{i}]"
        _read(turns, expect(message, dict, path), path)
    turns.finish()
    if not turns.talk.messages:
        wrong("messages", "must have at least one message of a user with some content")
    return turns.talk


def _plain(messages: Sequence[object]) -> Conversation | None:
    """Return a conversation in which every message is some text, as in most: turns that alternate.

    Nothing can be wrong with it, so that no path to anything is needed. None for any other; of these,
    too, it would become the same in `Turns`.
    """
    system: list[Block] = []
    turns: list[dict[str, object]] = []
    last: object = "assistant"
    for message in messages:
        if type(message) is not dict or len(message) != ROLE_AND_CONTENT:
            return None
        role, said = message.get("role"), message.get("content")
        if type(said) is not str or not said.strip():
            return None
        if role == NEXT[last]:
            turns.append({"role": role, "content": said})
            last = role
        elif role in SYSTEM and not turns:
            system.append({"type": "text", "text": said})
        else:
            return None
    return Conversation(system, turns, plain=True) if turns else None


def _read(turns: Turns, message: Mapping[str, object], path: str) -> None:
    role = required(message, "role", str, f"{path}.")
    content, where = message.get("content"), f"{path}.content"
    if not isinstance(content, str):
        turns.talk.audio = turns.talk.audio or has_audio(content)
        turns.talk.left_out |= left_out(content)
    if role == "user":
        turns.user(marked(blocks(content, where), message, path), where)
    elif role == "assistant":
        turns.settle()
        _assistant(turns, message, path)
    elif role == "tool":
        call_id = required(message, "tool_call_id", str, f"{path}.")
        result = turns.result(call_id, blocks(content, where), f"{path}.tool_call_id")
        if optional(message, "is_error", bool, f"{path}."):
            result["is_error"] = True
        marked([result], message, path)
    elif role in SYSTEM:
        turns.system(marked(text_blocks(content, where), message, path))
    else:
        wrong(f"{path}.role", f"must be one of {', '.join(ROLES)}")


def _assistant(turns: Turns, message: Mapping[str, object], path: str) -> None:
    said = text_blocks(message.get("content"), f"{path}.content", refusals=True)
    said += text(optional(message, "refusal", str, f"{path}.") or "")
    if message.get("function_call") is not None:
        wrong(f"{path}.function_call", "must be among tool_calls", code="unsupported_value")
    calls = optional(message, "tool_calls", list, f"{path}.") or []
    for i, asked in enumerate(calls):
        where = f"{path}.tool_calls[{i}]"
        block = _call(expect(asked, dict, where), where)
        said.append(turns.opened(block, f"{where}.id"))
    turns.asked(f"{path}.tool_calls")
    turns.assistant(marked(said, message, path), f"{path}.role")


def _call(asked: Mapping[str, object], path: str) -> Block:
    if asked.get("type", "function") != "function":
        wrong(f"{path}.type", "must be 'function'", code="unsupported_value")
    function = required(asked, "function", dict, f"{path}.")
    return call(required(asked, "id", str, f"{path}."), function, f"{path}.function.")
