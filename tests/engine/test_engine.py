"""One turn: what the client gets, what the account says, what observers are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from claude_gateway import (
    OWNER,
    Accepted,
    Answer,
    Event,
    GatewayError,
    InvalidRequest,
    MessageStart,
    MessageStop,
    ModelInfo,
    ModelRequest,
    Observer,
    Overloaded,
    Ping,
    RateLimited,
    Run,
    Unavailable,
    UpstreamError,
    Usage,
)
from claude_gateway.backends import Backend
from claude_gateway.engine import LONGEST_WHOLE_ANSWER, Engine
from claude_gateway.engine.breaker import CLOSED, OPEN, Breakers
from claude_gateway.engine.pauses import PAUSES
from claude_gateway.engine.rounds import Rounds

if TYPE_CHECKING:
    from tests.conftest import Completing, Scripted

NOW = Overloaded("Busy.", retry_after=0)


class Diary(Observer):
    """Writes down what it is told, and what was known then."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def run_started(self, run: Run) -> None:
        self.said.append("started")

    def first_token(self, run: Run) -> None:
        assert run.first_token is not None
        self.said.append("first token")

    def run_ended(self, run: Run) -> None:
        assert run.ended is not None
        self.said.append(f"ended {run.error}")

    def upstream_retried(self, run: Run, error: GatewayError) -> None:
        self.said.append(f"retried {error.code}")

    def breaker_changed(self, backend: str, state: str) -> None:
        self.said.append(f"{backend} {state}")


class Broken(Observer):
    """Fails whatever it is told."""

    def run_started(self, run: Run) -> None:
        raise RuntimeError("no pen")

    first_token = run_ended = run_started


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def run() -> Run:
    return Run("run_1", OWNER, "m", "scripted", "req_1", stream=True, started=0.0)


def asking(max_tokens: int = 100) -> ModelRequest:
    return ModelRequest("m", {"max_tokens": max_tokens})


async def events(stream: AsyncGenerator[Sequence[Event]]) -> list[Event]:
    async with aclosing(stream) as batches:
        return [event async for batch in batches for event in batch]


async def test_events_come_as_the_backend_yields_them(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    script = scripted.saying("Hel", "lo")
    fake = scripted(script)
    stream = Engine([diary], 2).stream(Backend.of("s", fake), asking(), run)
    assert await events(stream) == script
    assert fake.open == 0


async def test_the_account_of_a_turn_is_kept(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    await events(Engine([diary], 2).stream(Backend.of("s", scripted()), asking(), run))
    assert (run.served_model, run.stop_reason) == ("m-1", "end_turn")
    assert run.usage == Usage(10, 5)
    assert (run.error, run.retries) == (None, 0)
    assert run.ended is not None
    assert run.first_token is not None
    assert run.ended >= run.first_token


async def test_observers_are_told_in_order_and_once(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    backend = Backend.of("s", scripted(scripted.saying("a", "b", "c")))
    await events(Engine([diary], 2).stream(backend, asking(), run))
    assert diary.said == ["started", "first token", "ended None"]


async def test_an_observer_that_fails_is_logged_and_the_others_are_told(
    scripted: type[Scripted], diary: Diary, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    backend = Backend.of("s", scripted())
    said = await events(Engine([Broken(), diary], 2).stream(backend, asking(), run))
    assert said == scripted.saying("Hello")
    assert diary.said == ["started", "first token", "ended None"]
    assert caplog.messages == ["an observer failed"] * 3
    assert caplog.records[0].__dict__["observer"] == "Broken.run_started"


async def test_nothing_is_yielded_before_what_a_client_may_see(
    scripted: type[Scripted], run: Run
) -> None:
    go = asyncio.Event()
    fake = scripted([Accepted({"request-id": "1"}), go, MessageStart({}), Ping()])
    stream = Engine([], 0).stream(Backend.of("s", fake), asking(), run)
    first = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    assert not first.done()
    go.set()
    assert await first == [Accepted({"request-id": "1"}), MessageStart({})]
    await stream.aclose()


async def test_a_failure_before_the_first_event_is_tried_again(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    fake = scripted([NOW], [Accepted(), NOW], scripted.saying("Hi"))
    said = await events(Engine([diary], 2).stream(Backend.of("s", fake), asking(), run))
    assert said == scripted.saying("Hi")
    assert (len(fake.asked), fake.open, run.retries, run.error) == (3, 0, 2, None)
    again = ["retried overloaded"] * 2
    assert diary.said == ["started", *again, "first token", "ended None"]


async def test_a_failure_after_the_first_event_is_final(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    fake = scripted([*scripted.saying("Hi")[:3], NOW], scripted.saying("again"))
    stream = Engine([diary], 2).stream(Backend.of("s", fake), asking(), run)
    with pytest.raises(Overloaded):
        await events(stream)
    assert (len(fake.asked), fake.open, run.retries, run.error) == (1, 0, 0, "overloaded")
    assert diary.said == ["started", "first token", "ended overloaded"]
    assert run.usage == Usage(10, 1)  # what had been used by then


@pytest.mark.parametrize(
    "failure",
    [
        InvalidRequest("Wrong."),
        RateLimited("Tomorrow.", retry_after=60.5),
        UpstreamError("Do not.", should_retry=False),
        KeyError("a defect"),
    ],
    ids=["wrong", "late", "forbidden", "defect"],
)
async def test_what_will_not_pass_is_not_tried_again(
    scripted: type[Scripted], run: Run, failure: Exception
) -> None:
    fake = scripted([failure], scripted.saying("Hi"))
    with pytest.raises(type(failure)):
        await events(Engine([], 2).stream(Backend.of("s", fake), asking(), run))
    assert len(fake.asked) == 1
    assert run.error == getattr(failure, "code", "internal_error")


@pytest.mark.parametrize("script", [[], [Accepted()]], ids=["nothing", "only accepted"])
async def test_a_stream_without_an_answer_is_upstreams_failure(
    scripted: type[Scripted], run: Run, script: list[Event]
) -> None:
    fake = scripted(script)
    with pytest.raises(UpstreamError, match="without an answer"):
        await events(Engine([], 0).stream(Backend.of("s", fake), asking(), run))
    assert run.error == "upstream_error"


async def test_leaving_early_closes_the_backends_stream_and_books_the_run_as_cancelled(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    fake = scripted([*scripted.saying("Hi")[:3], asyncio.Event()])
    stream = Engine([diary], 2).stream(Backend.of("s", fake), asking(), run)
    async with aclosing(stream) as batches:
        await anext(batches)
        assert fake.open == 1
    assert fake.open == 0
    assert run.error == "cancelled"
    assert diary.said == ["started", "ended cancelled"]


@pytest.mark.parametrize("seen", [0, 1])
async def test_a_cancelled_turn_is_closed_and_booked(
    scripted: type[Scripted], diary: Diary, run: Run, seen: int
) -> None:
    fake = scripted([*scripted.saying("Hi")[:seen], asyncio.Event()])
    turn = asyncio.create_task(
        events(Engine([diary], 2).stream(Backend.of("s", fake), asking(), run))
    )
    while not fake.open:
        await asyncio.sleep(0)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert (fake.open, run.error, diary.said[-1]) == (0, "cancelled", "ended cancelled")


async def test_a_backend_that_can_answers_in_one_piece(
    completing: type[Completing], diary: Diary, run: Run
) -> None:
    fake = completing()
    answer = await Engine([diary], 2).complete(Backend.of("c", fake), asking(), run)
    assert answer.message["id"] == "msg_1"
    assert (run.served_model, run.stop_reason, run.usage) == ("m-1", "end_turn", Usage(10, 5))
    assert diary.said == ["started", "ended None"]
    assert run.first_token is None


async def test_a_whole_answer_is_tried_again(completing: type[Completing], run: Run) -> None:
    fake = completing(NOW, NOW)
    answer = await Engine([], 2).complete(Backend.of("c", fake), asking(), run)
    assert answer.message["id"] == "msg_1"
    assert run.retries == 2


async def test_a_whole_answer_that_fails_is_booked(
    completing: type[Completing], diary: Diary, run: Run
) -> None:
    fake = completing(NOW, NOW)
    with pytest.raises(Overloaded):
        await Engine([diary], 1).complete(Backend.of("c", fake), asking(), run)
    assert diary.said == ["started", "retried overloaded", "ended overloaded"]


async def test_a_backend_that_only_streams_is_folded(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    backend = Backend.of("s", scripted(scripted.saying("Hel", "lo")))
    answer = await Engine([diary], 2).complete(backend, asking(), run)
    assert answer.message["content"] == [{"type": "text", "text": "Hello"}]
    assert (run.usage, answer.body) == (Usage(10, 5), b"")
    assert diary.said == ["started", "first token", "ended None"]


@pytest.mark.parametrize(
    ("max_tokens", "rounds", "streamed"),
    [
        (LONGEST_WHOLE_ANSWER, PAUSES, False),
        (LONGEST_WHOLE_ANSWER + 1, PAUSES, True),
        (LONGEST_WHOLE_ANSWER + 1, None, False),
    ],
)
async def test_long_answers_are_streamed_inside_unless_they_must_be_upstreams_own(
    completing: type[Completing],
    run: Run,
    max_tokens: int,
    rounds: Rounds | None,
    streamed: bool,
) -> None:
    fake = completing()
    engine = Engine([], 0)
    await engine.complete(Backend.of("c", fake), asking(max_tokens), run, rounds=rounds)
    assert fake.closed.is_set() is streamed


async def test_a_folded_answer_that_was_cut_is_an_error(scripted: type[Scripted], run: Run) -> None:
    backend = Backend.of("s", scripted(scripted.saying("Hi")[:-1]))
    with pytest.raises(UpstreamError):
        await Engine([], 0).complete(backend, asking(), run)


async def test_tokens_are_counted_by_a_backend_that_can_and_no_observer_hears_of_it(
    completing: type[Completing], diary: Diary, run: Run
) -> None:
    counted = Answer(b'{"input_tokens":3}', {"input_tokens": 3})
    backend = Backend.of("c", completing(NOW, counted))
    assert await Engine([diary], 1).count_tokens(backend, asking(), run) is counted
    assert diary.said == []


async def test_a_backend_that_cannot_count_is_named(scripted: type[Scripted], run: Run) -> None:
    with pytest.raises(InvalidRequest, match="backend scripted cannot count tokens") as caught:
        await Engine([], 0).count_tokens(Backend.of("scripted", scripted()), asking(), run)
    assert (caught.value.code, caught.value.param) == ("unsupported", "model")


async def test_batches_are_handed_on_as_they_are(run: Run) -> None:
    class Batching:
        models = (ModelInfo("m"),)

        async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
            yield Ping()

        async def stream_batches(self, request: ModelRequest) -> AsyncGenerator[Sequence[Event]]:
            yield (Accepted(),)
            yield (MessageStart({}), Ping())
            yield (Ping(), MessageStop())

    stream = Engine([], 0).stream(Backend.of("b", Batching()), asking(), run)
    async with aclosing(stream) as batches:
        said = [list(batch) async for batch in batches]
    assert said == [[Accepted(), MessageStart({}), Ping()], [Ping(), MessageStop()]]


async def test_t16_a_stream_without_its_end_is_an_error_and_booked_as_one(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    backend = Backend.of("s", scripted(scripted.saying("Hello")[:-1]))
    with pytest.raises(UpstreamError) as caught:
        await events(Engine([diary], 0).stream(backend, asking(), run))
    assert caught.value.code == "upstream_truncated"
    assert diary.said[-1] == "ended upstream_truncated"


@pytest.mark.parametrize("lost", [ConnectionResetError(), TimeoutError(), OSError("no route")])
@pytest.mark.parametrize("after", [0, 3])
async def test_a_connection_that_the_backend_lost_is_upstreams_failure_not_a_client_that_left(
    scripted: type[Scripted], diary: Diary, run: Run, lost: OSError, after: int
) -> None:
    backend = Backend.of("s", scripted([*scripted.saying("Hello")[:after], lost]))
    with pytest.raises(UpstreamError, match="lost its upstream"):
        await events(Engine([diary], 0).stream(backend, asking(), run))
    assert diary.said[-1] == "ended upstream_error"


async def test_a_whole_answer_whose_connection_was_lost_is_upstreams_failure(
    completing: type[Completing], run: Run
) -> None:
    backend = Backend.of("s", completing(ConnectionResetError()))
    with pytest.raises(UpstreamError, match="ConnectionResetError"):
        await Engine([], 0).complete(backend, asking(), run)
    assert run.error == "upstream_error"


async def test_t16_streams_that_break_off_open_the_circuit(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    fake = scripted([*scripted.saying("Hi")[:3], NOW])
    breakers = Breakers(2, 10)
    engine = Engine([diary, Broken()], 0, breakers)
    for _ in range(2):
        with pytest.raises(Overloaded):
            await events(engine.stream(Backend.of("s", fake), asking(), run))
    with pytest.raises(Unavailable) as caught:
        await events(engine.stream(Backend.of("s", fake), asking(), run))
    assert (caught.value.code, len(fake.asked)) == ("circuit_open", 2)
    assert "s open" in diary.said


async def test_an_open_circuit_is_not_tried_again(
    completing: type[Completing], diary: Diary, run: Run
) -> None:
    fake = completing(*[NOW] * 9)
    engine = Engine([diary], 5, Breakers(2, 10))
    for ask in (engine.complete, engine.count_tokens, engine.complete):
        with pytest.raises(Unavailable):
            await ask(Backend.of("c", fake), asking(), run)
    assert len(fake.asked) == 2


async def test_clients_that_leave_and_mistakes_of_theirs_leave_the_circuit_closed(
    scripted: type[Scripted], run: Run
) -> None:
    fake = scripted([*scripted.saying("Hi")[:3], asyncio.Event()], [InvalidRequest("Wrong.")])
    breakers = Breakers(1, 10)
    engine = Engine([], 0, breakers)
    async with aclosing(engine.stream(Backend.of("s", fake), asking(), run)) as batches:
        await anext(batches)
    with pytest.raises(InvalidRequest):
        await events(engine.stream(Backend.of("s", fake), asking(), run))
    assert breakers.of("s").state == CLOSED


async def test_an_answer_after_the_cooldown_closes_the_circuit(
    scripted: type[Scripted], diary: Diary, run: Run
) -> None:
    fake = scripted([NOW], scripted.saying("Hi"))
    now = [0.0]
    breakers = Breakers(1, 10, lambda: now[0])
    engine = Engine([diary], 0, breakers)
    with pytest.raises(Overloaded):
        await events(engine.stream(Backend.of("s", fake), asking(), run))
    assert breakers.of("s").state == OPEN
    now[0] = 10
    await events(engine.stream(Backend.of("s", fake), asking(), run))
    assert breakers.of("s").state == CLOSED
    assert [said for said in diary.said if said.startswith("s ")] == [
        "s open",
        "s half-open",
        "s closed",
    ]
