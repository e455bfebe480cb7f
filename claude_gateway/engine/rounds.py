"""Several calls of a model that are one turn: what was said in them, and what is asked next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from claude_gateway.backends import Backend
from claude_gateway.engine.news import News
from claude_gateway.engine.tally import added, mapping
from claude_gateway.engine.thinking import CHANGES, changes
from claude_gateway.types.events import Activity
from claude_gateway.types.rawjson import RawJson
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run

Block = Mapping[str, object]


class Rounds(Protocol):
    """Decides whether a turn goes on after a call of the model; keeps nothing between turns."""

    def possible(self, request: ModelRequest) -> bool:
        """Whether an answer to `request` may need another round; if not, nothing is collected."""
        ...

    async def following(self, turn: Turn) -> ModelRequest | None:
        """Return what to ask next, mostly made by `turn.continued`, or None: the turn is over.

        Whatever it waits for ends at the run's deadline, or when the client leaves.
        """
        ...


class Turn:
    """What the assistant has said so far, exactly as received.

    `request` is the last round's, and `backend` answers it: both may be a fallback's. `ends_as` takes
    the place of the last round's reason to stop, if it is set.
    """

    backend: Backend
    request: ModelRequest

    def __init__(self, run: Run) -> None:
        self.run = run
        self.stop_reasons: list[object] = []
        self.exact = True
        self.ends_as: str | None = None
        self.news: News | None = None
        self._answers: list[Answer] = []
        self._contents: list[Sequence[object]] = []
        self._before: list[Mapping[str, object]] = []
        self._said: list[object] = []

    def asked(self, backend: Backend, request: ModelRequest) -> None:
        """Note who answers, and what."""
        if not self._answers:
            self._before = [*request.messages]
        self.backend, self.request = backend, request

    def heard(self, answer: Answer, exact: bool = True) -> None:
        """Take a round's answer. Not `exact`: it must not be sent back, for it may have changed."""
        content, parsed = _content(answer)
        self.exact = self.exact and exact and parsed
        self._answers.append(answer)
        self._contents.append(content if isinstance(content, list) else [])
        self.stop_reasons.append(answer.message.get("stop_reason"))

    @property
    def content(self) -> Sequence[object]:
        """The content blocks of the last round."""
        return self._contents[-1]

    @property
    def spoken(self) -> Sequence[object]:
        """What the assistant has said since the last message that is not its own."""
        return [*self._said, *self.content]

    @property
    def blocks(self) -> int:
        """How many content blocks all rounds have had."""
        return sum(map(len, self._contents))

    def tell(self, event: Activity, *, instead: object = None) -> None:
        """Let the client see something while `following` is at work.

        It takes the place of what was told with the same `instead` and has not been seen yet.
        """
        if self.news is not None:
            self.news.add(event, instead)

    @property
    def told(self) -> tuple[Sequence[Mapping[str, object]], Sequence[object]]:
        """The conversation up to the last message that is not the assistant's, and what it said since."""
        return self._before, self._said

    @property
    def messages(self) -> Sequence[Mapping[str, object]]:
        """The answers of all rounds, as Anthropic's messages."""
        both = zip(self._answers, self._contents, strict=True)
        return [{**answer.message, "content": [*content]} for answer, content in both]

    def goes_on_after(self, said: Sequence[object]) -> None:
        """Take note of what the assistant said before the last round, without a message since."""
        self._said = [*said]

    def calls(self) -> list[Block]:
        """Return the last round's calls of tools that upstream does not run itself."""
        return [
            block
            for block in self.content
            if isinstance(block, Mapping) and block.get("type") == "tool_use"
        ]

    def continued(self, *messages: Mapping[str, object]) -> ModelRequest:
        """Return the last request with what was said since, and then `messages`.

        All that was said without a message in between is one turn of the assistant. Nothing else
        changes: thinking is only valid after the very same prefix.
        """
        self._said += self.content
        spoken = [{"role": "assistant", "content": [*self._said]}] if self._said else []
        conversation = [*self._before, *spoken, *messages]
        if messages:
            self._before, self._said = conversation, []
        params = {**self.request.params, "messages": conversation, **self._container()}
        return replace(self.request, params=params, raw=None)

    def answer(self) -> Answer:
        """Return all rounds as one answer; the only round's own when there was no other."""
        if len(self._answers) == 1 and self.ends_as is None:
            return self._answers[0]
        whole = joined(self._answers, self._contents)
        if self.ends_as is None:
            return whole
        return replace(whole, message={**whole.message, "stop_reason": self.ends_as})

    def _container(self) -> dict[str, object]:
        """Name the container in which upstream works for this turn: the next round needs it."""
        id_ = mapping(self._answers[-1].message.get("container")).get("id")
        if not isinstance(id_, str):
            return {}
        asked = self.request.params.get("container")
        return {"container": {**asked, "id": id_} if isinstance(asked, Mapping) else id_}


def joined(answers: Sequence[Answer], contents: Sequence[Sequence[object]]) -> Answer:
    """Return one answer: begun as the first, ended as the last, all content, all usage."""
    first, last = answers[0].message, answers[-1].message
    usage: dict[str, object] = {}
    for answer in answers:
        usage = added(usage, answer.message.get("usage"))
    begun = {key: first[key] for key in ("id", "model") if key in first}
    content = [block for blocks in contents for block in blocks]
    every = [change for answer in answers for change in changes(answer.message)]
    changed = {CHANGES: every} if every else {}
    message = {**first, **last, **begun, **changed, "content": content, "usage": usage}
    return Answer(b"", message, answers[0].headers)


def _content(answer: Answer) -> tuple[object, bool]:
    """Return an answer's content as it was written, and whether that worked."""
    if not answer.body:
        return answer.message.get("content"), True
    try:
        return mapping(RawJson.parse(answer.body)).get("content"), True
    except ValueError:
        return answer.message.get("content"), False
