"""Messages: OpenAI's roles and parts become Anthropic's turns and content blocks.

Rules of the Messages API that decide the shape: system text stands apart; turns alternate; the
results of all calls of a turn come first in the very next user turn, in one message; text blocks
are never empty.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.openai.caching import breakpoint_of
from claude_gateway.dialects.openai.media import Block
from claude_gateway.dialects.openai.names import upstream_name
from claude_gateway.dialects.openai.parts import blocks, has_audio, text_blocks
from claude_gateway.dialects.openai.tools import tool_name

# Escapes in JSON: what is whole (group 1), or half of a surrogate pair.
HALF = re.compile(
    r"(\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
ID = re.compile(r"[a-zA-Z0-9_-]+")
ROLES = ("system", "developer", "user", "assistant", "tool")


@dataclass(slots=True)
class Conversation:
    """System text, turns, and the tools that were called: the client's names, by first call."""

    system: list[Block] = field(default_factory=list)
    messages: list[dict[str, object]] = field(default_factory=list)
    tool_names: dict[str, None] = field(default_factory=dict)  # as an ordered set
    audio: bool = False  # whether some was left out


def conversation(
    messages: Sequence[object],
    system_prompt: str | None = None,
    *,
    system_messages: bool = False,
) -> Conversation:
    """Translate a whole history. Raises InvalidRequest naming the message that is wrong.

    `system_messages`: whether the model lets the system speak among the turns.
    """
    if not messages:
        wrong("messages", "must have at least one message", code="missing_field")
    reader = _Reader(system_messages=system_messages)
    if system_prompt and system_prompt.strip():
        reader.talk.system.append({"type": "text", "text": system_prompt})
    for i, message in enumerate(messages):
        reader.read(expect(message, dict, f"messages[{i}]"), f"messages[{i}]")
    reader.finish()
    if not reader.talk.messages:
        wrong("messages", "must have at least one message of a user with some content")
    return reader.talk


class _Reader:
    def __init__(self, *, system_messages: bool) -> None:
        self.talk = Conversation()
        self._system_messages = system_messages
        self._announced: list[Block] = []  # said by the system since the last turn of the assistant
        self._turns: list[tuple[str, list[Block]]] = []
        self._open: dict[str, Block | None] = {}  # calls of the last turn → their results
        self._ids: dict[str, str] = {}  # calls → what they are called upstream
        self._used: dict[str, int] = {}
        self._waiting: list[Block] = []  # said while results are still coming in
        self._asked_at = ""

    def read(self, message: Mapping[str, object], path: str) -> None:
        role = required(message, "role", str, f"{path}.")
        self.talk.audio = self.talk.audio or has_audio(message.get("content"))
        if role == "tool":
            self._result(message, path)
        elif role == "assistant":
            self._settle()
            self._assistant(message, path)
        elif role == "user":
            said = blocks(message.get("content"), f"{path}.content")
            self._user(_marked(said, message, path), path)
        elif role in ("system", "developer"):
            said = text_blocks(message.get("content"), f"{path}.content")
            self._system(_marked(said, message, path))
        else:
            wrong(f"{path}.role", f"must be one of {', '.join(ROLES)}")

    def finish(self) -> None:
        self._settle()
        self._announce()
        self.talk.messages = [
            {"role": role, "content": _plain(content)} for role, content in self._turns
        ]

    def _system(self, said: Sequence[Block]) -> None:
        if not self._turns:
            self.talk.system += said
        elif self._system_messages:
            self._announced += said
        else:  # in the middle, it belongs to the user's turn, or every cached prefix would change
            self._say("user", said)

    def _announce(self) -> None:
        """Let the system speak: after a user's turn and before the assistant's, or last."""
        after_user = bool(self._turns) and self._turns[-1][0] == "user"
        self._append("system" if after_user else "user", self._announced)
        self._announced = []

    def _user(self, said: Sequence[Block], path: str) -> None:
        if not said:
            wrong(f"{path}.content", "must not be empty")
        self._say("user", said)

    def _assistant(self, message: Mapping[str, object], path: str) -> None:
        said = text_blocks(message.get("content"), f"{path}.content", refusals=True)
        calls = optional(message, "tool_calls", list, f"{path}.") or []
        for i, call in enumerate(calls):
            block = _call(expect(call, dict, f"{path}.tool_calls[{i}]"), f"{path}.tool_calls[{i}]")
            call_id = str(block["id"])
            if call_id in self._open:
                wrong(f"{path}.tool_calls[{i}].id", f"is used twice: {call_id[:100]!r}")
            self._open[call_id] = None
            block["id"] = self._take_id(call_id)
            name = str(block["name"])
            self.talk.tool_names[name] = None
            block["name"] = upstream_name(name)
            said.append(block)
        self._asked_at = path
        if said and not self._turns:
            wrong(f"{path}.role", "must be user: a conversation cannot begin with the assistant")
        if said:
            self._announce()
        self._append("assistant", _marked(said, message, path))

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
        result: Block = {"type": "tool_result", "tool_use_id": self._ids[call_id]}
        if content:
            result["content"] = _plain(content)
        self._open[call_id] = _marked([result], message, path)[0]

    def _take_id(self, call_id: str) -> str:
        earlier = self._used.get(call_id, 0)
        self._used[call_id] = earlier + 1
        taken = self._ids[call_id] = _upstream_id(call_id, earlier)
        return taken

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
        missing = [repr(call_id[:100]) for call_id, found in self._open.items() if found is None]
        if missing:
            wrong(
                f"{self._asked_at}.tool_calls",
                f"has no tool message in answer to {', '.join(missing[:10])}",
                code="missing_tool_result",
            )
        results = [result for result in self._open.values() if result is not None]
        self._open = {}
        self._append("user", [*results, *self._waiting])
        self._waiting = []

    def _append(self, role: str, said: Sequence[Block]) -> None:
        if not said:
            return
        if self._turns and self._turns[-1][0] == role:
            # Upstream would merge them too; here it is deterministic.
            self._turns[-1][1].extend(said)
        else:
            self._turns.append((role, list(said)))


def _marked(said: list[Block], message: Mapping[str, object], path: str) -> list[Block]:
    """Put a message's own cache breakpoint where the message ends."""
    if said and (cache_control := breakpoint_of(message, path)):
        said[-1]["cache_control"] = cache_control
    return said


def _plain(content: Sequence[Block]) -> str | list[Block]:
    """Write a single plain text as a string, as a native client would."""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        return str(content[0]["text"])
    return list(content)


def _call(call: Mapping[str, object], path: str) -> Block:
    if call.get("type", "function") != "function":
        wrong(f"{path}.type", "must be 'function'", code="unsupported_value")
    function = required(call, "function", dict, f"{path}.")
    name = tool_name(function, f"{path}.function.")
    return {
        "type": "tool_use",
        "id": required(call, "id", str, f"{path}."),
        "name": name,
        "input": _arguments(function, name, f"{path}.function."),
    }


def _upstream_id(call_id: str, earlier: int) -> str:
    """Return the id itself, or one derived from it when upstream would not take it.

    Other services make ids like `functions.look:0`, or count from 0 again in each turn; here they
    have an alphabet and are unique. `earlier` is how often the history has used this one before.
    """
    if ID.fullmatch(call_id) and not earlier:
        return call_id
    return f"call_{hashlib.sha256(f'{earlier}:{call_id}'.encode()).hexdigest()[:32]}"


def _arguments(function: Mapping[str, object], name: str, path: str) -> object:
    """Check the arguments and keep them: writing parsed ones again could change numbers."""
    given = optional(function, "arguments", str, path) or ""
    if not given.strip():
        return {}
    parsed = _parsed(given)
    if parsed is None:  # perhaps only because it holds half a character, cut by some length limit
        given = HALF.sub(lambda found: found[0] if found[1] else r"\ufffd", given)
        parsed = _parsed(given)
    if not isinstance(parsed, dict):
        wrong(f"{path}arguments", f"of the call of {name!r} must be a JSON object")
    return orjson.Fragment(given.encode())


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
