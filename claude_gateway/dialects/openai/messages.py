"""Messages: OpenAI's roles and parts become Anthropic's turns and content blocks.

Rules of the Messages API that decide the shape: system text stands apart; turns alternate; the
results of all calls of a turn come first in the very next user turn, in one message; text blocks
are never empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.openai.parts import Block, blocks, text_blocks

ROLES = ("system", "developer", "user", "assistant", "tool")


@dataclass(slots=True)
class Conversation:
    """System text, turns, and the names of all tools that were called, in order of first call."""

    system: list[Block] = field(default_factory=list)
    messages: list[dict[str, object]] = field(default_factory=list)
    tool_names: list[str] = field(default_factory=list)


def conversation(messages: Sequence[object], system_prompt: str | None = None) -> Conversation:
    """Translate a whole history. Raises InvalidRequest naming the message that is wrong."""
    if not messages:
        wrong("messages", "must have at least one message", code="missing_field")
    reader = _Reader()
    if system_prompt:
        reader.talk.system.append({"type": "text", "text": system_prompt})
    for i, message in enumerate(messages):
        reader.read(expect(message, dict, f"messages[{i}]"), f"messages[{i}]")
    reader.finish()
    if not reader.talk.messages:
        wrong("messages", "must have at least one message of a user with some content")
    return reader.talk


class _Reader:
    def __init__(self) -> None:
        self.talk = Conversation()
        self._open: dict[str, Block | None] = {}  # calls of the last turn → their results
        self._waiting: list[Block] = []  # said while results are still coming in
        self._asked_at = ""

    def read(self, message: Mapping[str, object], path: str) -> None:
        role = required(message, "role", str, f"{path}.")
        if role == "tool":
            self._result(message, path)
        elif role == "assistant":
            self._settle()
            self._assistant(message, path)
        elif role == "user":
            self._user(blocks(message.get("content"), f"{path}.content"), path)
        elif role in ("system", "developer"):
            self._system(text_blocks(message.get("content"), f"{path}.content"))
        else:
            wrong(f"{path}.role", f"must be one of {', '.join(ROLES)}")

    def finish(self) -> None:
        self._settle()

    def _system(self, said: Sequence[Block]) -> None:
        if not self.talk.messages and not self._open:
            self.talk.system += said
        else:  # in the middle, it belongs to the user's turn, or every cached prefix would change
            self._say("user", said)

    def _user(self, said: Sequence[Block], path: str) -> None:
        if not said:
            wrong(f"{path}.content", "must not be empty")
        self._say("user", said)

    def _assistant(self, message: Mapping[str, object], path: str) -> None:
        said = text_blocks(message.get("content"), f"{path}.content", refusals=True)
        calls = optional(message, "tool_calls", list, f"{path}.") or []
        for i, call in enumerate(calls):
            block = _call(expect(call, dict, f"{path}.tool_calls[{i}]"), f"{path}.tool_calls[{i}]")
            name, call_id = str(block["name"]), str(block["id"])
            if call_id in self._open:
                wrong(f"{path}.tool_calls[{i}].id", f"is used twice: {call_id[:100]!r}")
            self._open[call_id] = None
            if name not in self.talk.tool_names:
                self.talk.tool_names.append(name)
            said.append(block)
        self._asked_at = path
        self._append("assistant", said)

    def _result(self, message: Mapping[str, object], path: str) -> None:
        call_id = required(message, "tool_call_id", str, f"{path}.")
        if call_id not in self._open:
            wrong(
                f"{path}.tool_call_id",
                f"answers no open tool call of the assistant: {call_id[:100]!r}",
            )
        if self._open[call_id] is not None:
            wrong(f"{path}.tool_call_id", f"answers a call that has its answer: {call_id[:100]!r}")
        content = blocks(message.get("content"), f"{path}.content")
        result: Block = {"type": "tool_result", "tool_use_id": call_id}
        if content:
            result["content"] = _plain(content)
        self._open[call_id] = result

    def _say(self, role: str, said: Sequence[Block]) -> None:
        """Append to the conversation, after the results that must come first."""
        if self._open:
            self._waiting += said
        else:
            self._append(role, said)

    def _settle(self) -> None:
        """Write the results of the last turn's calls, in the order of the calls."""
        if not self._open:
            return
        missing = [call_id for call_id, result in self._open.items() if result is None]
        if missing:
            wrong(
                f"{self._asked_at}.tool_calls",
                f"has no tool message in answer to {', '.join(repr(m[:100]) for m in missing)}",
                code="missing_tool_result",
            )
        results = [result for result in self._open.values() if result is not None]
        self._open = {}
        self._append("user", [*results, *self._waiting])
        self._waiting = []

    def _append(self, role: str, said: Iterable[Block]) -> None:
        content = list(said)
        last = self.talk.messages[-1] if self.talk.messages else {}
        if not content:
            return
        if last.get("role") == role:  # upstream would merge them too; here it is deterministic
            before = last["content"]
            known = [{"type": "text", "text": before}] if isinstance(before, str) else before
            last["content"] = [*known, *content]  # type: ignore[misc]  # a list of blocks by now
        else:
            self.talk.messages.append({"role": role, "content": _plain(content)})


def _plain(content: Sequence[Block]) -> str | list[Block]:
    """Write a single plain text as a string, as a native client would."""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        return str(content[0]["text"])
    return list(content)


def _call(call: Mapping[str, object], path: str) -> Block:
    if call.get("type", "function") != "function":
        wrong(f"{path}.type", "must be 'function'", code="unsupported_value")
    function = required(call, "function", dict, f"{path}.")
    name = required(function, "name", str, f"{path}.function.")
    arguments = optional(function, "arguments", str, f"{path}.function.") or "{}"
    try:
        parsed = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        wrong(f"{path}.function.arguments", f"of the call of {name[:100]!r} must be a JSON object")
    # The client's own bytes go up: parsing and writing them again could change numbers.
    given = orjson.Fragment(arguments.encode())
    return {
        "type": "tool_use",
        "id": required(call, "id", str, f"{path}."),
        "name": name,
        "input": given,
    }
