"""What a backend can do is found out once; what it cannot do is None."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from claude_gateway import Answer, Event, ModelInfo, ModelRequest, Ping, TextDelta
from claude_gateway.backends import Backend

ASKED = ModelRequest("m", {})


class Simple:
    """Streams, and nothing else."""

    models = (ModelInfo("m"),)

    def __init__(self) -> None:
        self.closed = False

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        try:
            yield Ping()
            yield TextDelta(0, request.model)
        finally:
            self.closed = True


class Able(Simple):
    """Can do all that there is to do."""

    async def stream_batches(self, request: ModelRequest) -> AsyncGenerator[Sequence[Event]]:
        yield (Ping(), Ping())

    async def complete(self, request: ModelRequest) -> Answer:
        return Answer(b"1", {})

    async def count_tokens(self, request: ModelRequest) -> Answer:
        return Answer(b"2", {})

    def serves(self, model_id: str) -> bool:
        return model_id == "other"

    async def list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo("other")]


async def test_a_simple_backend_is_made_to_stream_in_batches_of_one() -> None:
    backend = Backend.of("simple", Simple())
    assert [batch async for batch in backend.stream(ASKED)] == [(Ping(),), (TextDelta(0, "m"),)]
    assert (backend.name, backend.models) == ("simple", (ModelInfo("m"),))


async def test_a_simple_backend_lacks_every_ability() -> None:
    backend = Backend.of("simple", Simple())
    assert backend.complete is None
    assert backend.count_tokens is None
    assert backend.list_models is None
    assert not backend.serves("m")


async def test_closing_the_batches_closes_the_backends_own_stream() -> None:
    simple = Simple()
    async with aclosing(Backend.of("simple", simple).stream(ASKED)) as batches:
        await anext(batches)
        assert not simple.closed
    assert simple.closed


async def test_abilities_are_used_as_they_are() -> None:
    backend = Backend.of("able", Able())
    assert [batch async for batch in backend.stream(ASKED)] == [(Ping(), Ping())]
    assert backend.complete is not None
    assert backend.count_tokens is not None
    assert backend.list_models is not None
    assert await backend.list_models() == [ModelInfo("other")]
    assert (await backend.complete(ASKED)).body == b"1"
    assert (await backend.count_tokens(ASKED)).body == b"2"
    assert backend.serves("other")
