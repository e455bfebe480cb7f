"""The backend: answers at once or at a pace, always the same way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from claude_gateway import Answer, Event, ModelInfo, ModelRequest, Price
from claude_gateway_mock.answers import answer
from claude_gateway_mock.folding import Folded
from claude_gateway_mock.playing import Pause, Tempo, play
from claude_gateway_mock.prompts import compact, prompt_tokens
from claude_gateway_mock.scripts import Rule

MOCK = ModelInfo(
    "mock",
    name="Mock",
    description="Canned answers and scripts; no model is asked, and nothing leaves this machine.",
    owned_by="claude-gateway",
    price=Price(0, 0, 0, 0, 0),
)
# After so many beats without a pause others get their turn: a real stream waits for its socket.
BREATH = 64


class MockBackend:
    """Serves `models`, and unlisted ones whose id begins with one of `prefixes`.

    `pace` is in seconds between deltas, `first_delay` in seconds before the first of them.
    """

    def __init__(
        self,
        models: Sequence[ModelInfo] = (MOCK,),
        pace: float = 0.0,
        rules: Sequence[Rule] = (),
        *,
        first_delay: float = 0.0,
        prefixes: Sequence[str] = ("mock-",),
    ) -> None:
        self._models = tuple(models)
        self._tempo = Tempo(first_delay, pace)
        self._rules = tuple(rules)
        self._prefixes = tuple(prefixes)

    @property
    def models(self) -> Sequence[ModelInfo]:
        return self._models

    def serves(self, model_id: str) -> bool:
        return model_id.startswith(self._prefixes)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        turn = answer(request, self._rules)
        for number, beat in enumerate(play(request, turn, self._tempo), 1):
            if isinstance(beat, Pause):
                await asyncio.sleep(beat.seconds)
                continue
            if number % BREATH == 0:
                await asyncio.sleep(0)
            yield beat

    async def complete(self, request: ModelRequest) -> Answer:
        folded = Folded()
        for beat in play(request, answer(request, self._rules), Tempo()):
            if not isinstance(beat, Pause):
                folded.add(beat)
            elif not beat.paced:
                await asyncio.sleep(beat.seconds)
        return Answer(compact(folded.message).encode(), folded.message)

    async def count_tokens(self, request: ModelRequest) -> Answer:
        counted = {"input_tokens": prompt_tokens(request)}
        return Answer(compact(counted).encode(), counted)
