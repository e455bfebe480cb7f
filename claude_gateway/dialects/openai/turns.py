"""A conversation, built turn by turn from what the messages or items of a dialect say.

Rules of the Messages API that decide the shape: system text stands apart; turns alternate; the
results of all calls of a turn come first in the very next user turn, in one message; text blocks
are never empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from claude_gateway.dialects.fields import wrong
from claude_gateway.dialects.openai.caching import breakpoint_of
from claude_gateway.dialects.openai.calls import upstream_id
from claude_gateway.dialects.openai.media import Block
from claude_gateway.dialects.openai.names import upstream_name

PLAIN_TEXT = frozenset({"type", "text"})
# Said in place of a result that never came, when the client wants to go on without it.
NO_RESULT = "This call has no result: it was not carried out, or its answer was lost."


@dataclass(slots=True)
class Conversation:
    """System text, turns, and the tools that were called: the client's names, by first call."""

    system: list[Block] = field(default_factory=list)
    messages: list[dict[str, object]] = field(default_factory=list)
    tool_names: dict[str, None] = field(default_factory=dict)  # as an ordered set
    audio: bool = False  # whether some was left out
    plain: bool = False  # whether all of it was text: no parts, no calls, no cache breakpoints
    left_out: set[str] = field(default_factory=set)  # what else was


class Turns:
    """Takes what is said, in order. Raises InvalidRequest naming the field that breaks a rule."""

    def __init__(
        self,
        *,
        system_messages: bool,
        answer: str,
        open_calls: Sequence[str] = (),
        fill_in: bool = False,
    ) -> None:
        """`system_messages`: whether the model lets the system speak among the turns.

        `answer` is what the dialect calls that which brings the result of a call. `open_calls` are
        the ids of calls made before the first turn, which the first one may answer. `fill_in` puts
        an error in the place of a result that is missing.
        """
        self.talk = Conversation()
        self._system_messages = system_messages
        self._answer = answer
        self._fill_in = fill_in
        self._announced: list[Block] = []  # said by the system since the last turn of the assistant
        self._turns: list[tuple[str, list[Block]]] = []
        self._open: dict[str, Block | None] = {}  # calls of the last turn → their results
        self._ids: dict[str, str] = {}  # calls → what they are called upstream
        self._used: dict[str, int] = {}
        self._waiting: list[Block] = []  # said while results are still coming in
        self._thoughts: list[Block] = []  # of the assistant, until it says something
        self._asked_at = ""
        for call_id in open_calls:
            self._open[call_id] = None
            self._take_id(call_id)

    def finish(self) -> None:
        """Put the turns into the conversation."""
        self.settle()
        if self._announced:
            self._announce()
        self.talk.messages = [
            {"role": role, "content": plain(content)} for role, content in self._turns
        ]

    def system(self, said: Sequence[Block]) -> None:
        """Take what the system said."""
        if not self._turns:
            self.talk.system += said
        elif self._system_messages:
            self._announced += said
        else:  # in the middle, it belongs to the user's turn, or every cached prefix would change
            self._say(said)

    def user(self, said: Sequence[Block], path: str) -> None:
        """Take what the user said in the content at `path`."""
        if not said:
            wrong(path, "must not be empty")
        self._say(said)

    def assistant(self, said: Sequence[Block], path: str) -> None:
        """Take what the assistant said; its calls are those that went through `opened`."""
        if said and not self._turns:
            wrong(path, "must be the user's: a conversation cannot begin with the assistant")
        if said:
            thoughts, self._thoughts = self._thoughts, []
            if self._announced:
                self._announce()
            self._append("assistant", [*thoughts, *said] if thoughts else said)

    def thought(self, thoughts: Sequence[Block]) -> None:
        """Take what the assistant thought before that which it says next.

        A turn cannot end in thinking, so thoughts that nothing follows are left out.
        """
        self._thoughts += thoughts

    def resume(self) -> None:
        """Begin another turn of the assistant where the calls of the last are being answered."""
        if self._waiting or any(result is not None for result in self._open.values()):
            self.settle()

    def opened(self, call: Block, path: str) -> Block:
        """Return a call, whose id stands at `path`, as upstream takes it; its result must follow."""
        call_id, name = str(call["id"]), str(call["name"])
        if call_id in self._open:
            wrong(path, f"is used twice: {call_id[:100]!r}")
        self._open[call_id] = None
        self.talk.tool_names[name] = None
        return {**call, "id": self._take_id(call_id), "name": upstream_name(name)}

    def asked(self, path: str) -> None:
        """Remember where the calls of this turn stand, should one remain without its result."""
        self._asked_at = path

    def result(self, call_id: str, content: Sequence[Block], path: str) -> Block:
        """Return the result of the call whose id stands at `path`; it is part of the talk now."""
        if call_id not in self._open:
            wrong(path, f"answers no open tool call of the assistant: {call_id[:100]!r}")
        if self._open[call_id] is not None:
            wrong(path, f"answers a call that has its answer: {call_id[:100]!r}")
        result: Block = {"type": "tool_result", "tool_use_id": self._ids[call_id]}
        if content:
            result["content"] = plain(content)
        self._open[call_id] = result
        return result

    def settle(self) -> None:
        """Write the results of the last turn's calls, in the order of the calls."""
        if not self._open:
            return
        missing = [repr(call_id[:100]) for call_id, found in self._open.items() if found is None]
        if missing and not self._fill_in:
            wrong(
                self._asked_at,
                f"has no {self._answer} in answer to {', '.join(missing[:10])}",
                code="missing_tool_result",
            )
        results = [found or _no_result(self._ids[id_]) for id_, found in self._open.items()]
        self._open = {}
        self._append("user", [*results, *self._waiting])
        self._waiting = []

    def _announce(self) -> None:
        """Let the system speak: after a user's turn and before the assistant's, or last."""
        after_user = bool(self._turns) and self._turns[-1][0] == "user"
        self._append("system" if after_user else "user", self._announced)
        self._announced = []

    def _take_id(self, call_id: str) -> str:
        earlier = self._used.get(call_id, 0)
        self._used[call_id] = earlier + 1
        taken = self._ids[call_id] = upstream_id(call_id, earlier)
        return taken

    def _say(self, said: Sequence[Block]) -> None:
        """Append to the user's turn, after the results that must come first."""
        if self._open:
            self._waiting += said
        else:
            self._append("user", said)

    def _append(self, role: str, said: Sequence[Block]) -> None:
        if not said:
            return
        self._thoughts = []
        if self._turns and self._turns[-1][0] == role:
            # Upstream would merge them too; here it is deterministic.
            self._turns[-1][1].extend(said)
        else:
            self._turns.append((role, list(said)))


def marked(said: list[Block], message: Mapping[str, object], path: str) -> list[Block]:
    """Put a message's own cache breakpoint where the message ends."""
    if said and (cache_control := breakpoint_of(message, path)):
        said[-1]["cache_control"] = cache_control
    return said


def _no_result(call_id: str) -> Block:
    return {
        "type": "tool_result",
        "tool_use_id": call_id,
        "content": NO_RESULT,
        "is_error": True,
    }


def plain(content: Sequence[Block]) -> str | list[Block]:
    """Write a single plain text as a string, as a native client would."""
    if len(content) == 1 and content[0].keys() == PLAIN_TEXT:
        return str(content[0]["text"])
    return list(content)
