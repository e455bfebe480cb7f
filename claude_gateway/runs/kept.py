"""An answer of which the conversation has the first part before the run ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from claude_gateway.runs.outcome import answer, estimated
from claude_gateway.types.resources import Message
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import Usage
from claude_gateway.types.values import replaced


class Kept(NamedTuple):
    """How much it has: content blocks, from the first, and their tokens, which upstream counted."""

    blocks: int = 0
    tokens: int = 0

    def rest(self, message: Mapping[str, object]) -> Mapping[str, object]:
        """Return the message without what is kept."""
        content = message.get("content")
        if not self.blocks or not isinstance(content, list):
            return message
        return {**message, "content": content[self.blocks :]}

    def answer(
        self, message: Mapping[str, object], message_id: str, run: Run, *, whole: bool
    ) -> Sequence[Message]:
        """Return the rest as a message of the conversation."""
        said = answer(self.rest(message), message_id, run, whole=whole)
        if not self.tokens:
            return said
        return [replaced(one, token_count=one.token_count - self.tokens) for one in said]

    def estimated(self, usage: Usage, message: Mapping[str, object]) -> Usage:
        """Return usage with a guess at the tokens of the rest, whose count never came."""
        counted = replaced(usage, output_tokens=usage.output_tokens - self.tokens)
        guess = estimated(counted, self.rest(message))
        return replaced(guess, output_tokens=guess.output_tokens + self.tokens)
