"""The kit for authors of backends: it lets good ones pass, and catches each way to be wrong."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

import pytest

from claude_gateway import (
    Accepted,
    Answer,
    BlockStart,
    BlockStop,
    Event,
    Health,
    InputDelta,
    InvalidRequest,
    MessageDelta,
    MessageStart,
    MessageStop,
    ModelBackend,
    ModelInfo,
    ModelRequest,
    OtherDelta,
    OtherEvent,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UpstreamError,
)
from claude_gateway.testing import ModelBackendConformance
from claude_gateway.testing.checks import cancel_the_wait
from claude_gateway.testing.grammar import check_order
from claude_gateway.testing.heard import hear

START = MessageStart({"id": "msg_1", "model": "m", "usage": {"output_tokens": 1}})
TEXT = BlockStart(0, {"type": "text", "text": ""})
END = (MessageDelta({"stop_reason": "end_turn"}, {"output_tokens": 2}), MessageStop())
SAID = (TEXT, TextDelta(0, "Hello"), BlockStop(0))
WHOLE: tuple[Event, ...] = (START, *SAID, *END)


class Backend:
    """Streams what it was given and has every ability; the broken ones differ in one thing."""

    def __init__(self, *events: Event, models: Sequence[ModelInfo] = (ModelInfo("m"),)) -> None:
        self.events = events or WHOLE
        self._models = models

    @property
    def models(self) -> Sequence[ModelInfo]:
        return self._models

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        for event in self.events:
            await asyncio.sleep(0)
            yield event

    async def stream_batches(self, request: ModelRequest) -> AsyncGenerator[Sequence[Event]]:
        yield self.events[:2]
        yield self.events[2:]

    async def complete(self, request: ModelRequest) -> Answer:
        content = [{"type": "text", "text": "Hello"}]
        return answer({"content": content, "stop_reason": "end_turn"})

    async def count_tokens(self, request: ModelRequest) -> Answer:
        return answer({"input_tokens": 3})

    def serves(self, model_id: str) -> bool:
        return False

    async def check_health(self) -> Health:
        return Health(ok=True)


class StreamOnly:
    """Has no ability but the one that is needed, and waits for nothing."""

    models = (ModelInfo("m"),)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        if not request.messages or request.messages[-1]["content"] == "\0\t":
            raise InvalidRequest("Nothing was asked.")
        for event in WHOLE:
            yield event


class TestOfAGoodBackend(ModelBackendConformance):
    @pytest.fixture
    async def backend(self) -> ModelBackend:
        return Backend()


class TestOfASimpleBackend(ModelBackendConformance):
    deterministic = False

    @pytest.fixture
    async def backend(self) -> ModelBackend:
        return StreamOnly()


def answer(message: Mapping[str, object]) -> Answer:
    return Answer(json.dumps(message).encode(), message)


def kit(backend: ModelBackend) -> ModelBackendConformance:
    """The tests, to be called by hand."""
    tests = ModelBackendConformance()
    tests.patience = 0.05
    tests._backend = backend
    return tests


async def refused(test: Callable[..., Awaitable[None]], why: str, *arguments: object) -> None:
    """Expect that a test of the kit fails with this reason."""
    backend = test.__self__._backend  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match=why):
        await test(backend, *arguments)


def blocks(*inner: Event) -> tuple[Event, ...]:
    return (START, *inner, *END)


def starting(**message: object) -> tuple[Event, ...]:
    return (MessageStart({**START.message, **message}), *SAID, *END)


@pytest.mark.parametrize(
    "events",
    [
        WHOLE,
        (Ping(), Accepted(), OtherEvent("x", {}), *WHOLE[:3], Ping(), *WHOLE[3:]),
        (START, *END),
        (START, *SAID, MessageDelta({}, {}), *END),
        blocks(TEXT, OtherDelta(0, {}), BlockStop(0), BlockStart(1, {"type": "new"}), BlockStop(1)),
        blocks(BlockStart(0, {"type": "new"}), InputDelta(0, ""), TextDelta(0, ""), BlockStop(0)),
        blocks(
            BlockStart(0, {"type": "thinking"}),
            ThinkingDelta(0, "Hm"),
            SignatureDelta(0, "s"),
            BlockStop(0),
            BlockStart(1, {"type": "tool_use"}),
            InputDelta(1, "{}"),
            BlockStop(1),
        ),
    ],
)
def test_whole_answers_are_in_order(events: Sequence[Event]) -> None:
    check_order(events)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ((), "ended after 0 events, in the beginning, without MessageStop"),
        ((START, TEXT), "ended after 2 events, in a block"),
        ((START, *SAID), "ended after 4 events, in the message"),
        (WHOLE[:-1], "in the message's delta, without MessageStop.*raise UpstreamError"),
        ((*WHOLE, Ping()), "Event 6 is out of place: nothing may follow MessageStop.*Ping"),
        ((*WHOLE, *WHOLE), "nothing may follow MessageStop"),
        ((START, *WHOLE), "Event 1 is out of place: it cannot come in the message"),
        ((Accepted(), *WHOLE[:1], Accepted()), "Event 2 .*cannot come in the message"),
        ((Accepted(), Accepted()), "cannot come in acceptance"),
        ((TEXT, *WHOLE), "Event 0 .*cannot come in the beginning"),
        ((MessageStop(),), "cannot come in the beginning"),
        (blocks(TextDelta(0, "a")), "no block is open in the message"),
        (blocks(BlockStop(0)), "no block is open in the message"),
        (blocks(TEXT, BlockStop(0), BlockStop(0)), "no block is open"),
        (blocks(TEXT, TextDelta(1, "a")), "the open block is 0"),
        (blocks(TEXT, BlockStop(1)), "the open block is 0"),
        (blocks(TEXT, BlockStart(1, {"type": "text"})), "it cannot come in a block"),
        (blocks(TEXT), "Event 2 .*it cannot come in a block"),
        (blocks(BlockStart(1, {"type": "text"})), "so this one is 0"),
        (blocks(*SAID, *SAID), "so this one is 1"),
        (blocks(BlockStart(0, {})), "the block has no type"),
        (blocks(TEXT, InputDelta(0, "{}")), "a block of type text has no such delta"),
        (blocks(TEXT, SignatureDelta(0, "s")), "a block of type text has no such delta"),
        (blocks(BlockStart(0, {"type": "tool_use"}), TextDelta(0, "a")), "type tool_use"),
        (blocks(BlockStart(0, {"type": "thinking"}), TextDelta(0, "a")), "type thinking"),
        ((START, *SAID, MessageDelta({}), MessageStop()), "no MessageDelta brought a stop_reason"),
        ((START, *SAID, MessageStop()), "it cannot come in the message"),
        ((START, *SAID, *END[:1], TEXT), "it cannot come in the message's delta"),
        (starting(id=""), "the message's id is no text"),
        (starting(model=None), "the message's model is no text"),
        (starting(usage=None), "the message's usage is no mapping"),
    ],
)
def test_events_out_of_order_are_named(events: Sequence[Event], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        check_order(events)


async def test_a_class_without_a_backend_is_told_what_is_missing() -> None:
    fixture = inspect.unwrap(ModelBackendConformance.backend)
    with pytest.raises(NotImplementedError, match="a fixture called `backend`"):
        await fixture(ModelBackendConformance())


async def test_a_backend_without_models_is_caught() -> None:
    tests = kit(Backend(models=()))
    await refused(tests.test_it_serves_at_least_one_model, "`models` is empty")
    await refused(tests.test_the_answer_has_text, "lists no model")


@pytest.mark.parametrize(
    ("ids", "why"),
    [(["a", "b", "a"], r"more than once: \['a'\]"), ([""], "empty"), (["a b"], "have blanks")],
)
async def test_ids_that_cannot_be_asked_for_are_caught(ids: Sequence[str], why: str) -> None:
    tests = kit(Backend(models=[ModelInfo(id_) for id_ in ids]))
    await refused(tests.test_model_ids_are_unique_and_not_blank, why)


@pytest.mark.parametrize("limit", ["max_tokens", "max_input_tokens"])
async def test_a_limit_of_nothing_is_caught(limit: str) -> None:
    model = (
        ModelInfo("m", max_tokens=0)
        if limit == "max_tokens"
        else ModelInfo("m", max_input_tokens=0)
    )
    await refused(kit(Backend(models=[model])).test_limits_of_models_are_positive, f"{limit} is 0")


async def test_events_out_of_order_are_caught_wherever_one_listens() -> None:
    tests = kit(Backend(*WHOLE[:-1]))
    await refused(tests.test_events_come_in_order, "without MessageStop")
    await refused(tests.test_leaving_early_is_quick_and_harmless, "without MessageStop")
    await refused(tests.test_streams_run_side_by_side, "without MessageStop", 2)
    await refused(tests.test_any_text_may_be_asked, "without MessageStop", "a")
    await refused(
        tests.test_a_conversation_with_tool_results_is_answered_or_refused, "without MessageStop"
    )
    await refused(tests.test_what_it_cannot_answer_is_a_gateway_error, "without MessageStop")
    await refused(tests.test_batches_are_the_same_events, "without MessageStop")


async def test_an_empty_answer_is_caught() -> None:
    tests = kit(Backend(START, *END))
    await refused(tests.test_the_answer_has_text, "is empty")
    await refused(tests.test_streams_run_side_by_side, "One of 2 answers", 2)


@pytest.mark.parametrize(
    ("usages", "why"),
    [
        (({"output_tokens": 5}, {"output_tokens": 2}), r"these fall: \[5, 2\]"),
        (({"output_tokens": -1}, {"output_tokens": 2}), "output_tokens is -1"),
        (({"output_tokens": 1.0}, {"output_tokens": 2}), "output_tokens is 1.0"),
        (({"output_tokens": True}, {"output_tokens": 2}), "output_tokens is True"),
        (({"output_tokens": 0}, {"output_tokens": 0}), "output_tokens of at least 1"),
        (({"output_tokens": 1}, {}), "has no output_tokens"),
        (({"output_tokens": 1, "cache": {"x_tokens": "1"}}, {}), "x_tokens is '1'"),
        ((None, {"output_tokens": 2}), "Usage comes with MessageStart and with MessageDelta"),
    ],
)
async def test_usage_that_cannot_be_is_caught(
    usages: tuple[Mapping[str, object] | None, Mapping[str, object]], why: str
) -> None:
    start = MessageStart({"id": "msg_1", "model": "m", "usage": usages[0]})
    backend = Backend(start, *SAID, MessageDelta({"stop_reason": "end_turn"}, usages[1]), END[1])
    await refused(kit(backend).test_usage_is_counted_and_never_falls, why)


async def test_counts_may_be_unknown() -> None:
    usage = {"output_tokens": 2, "server_tool_use": None, "cache_read_input_tokens": None}
    backend = Backend(START, *SAID, MessageDelta({"stop_reason": "end_turn"}, usage), END[1])
    await kit(backend).test_usage_is_counted_and_never_falls(backend)


async def test_a_frame_without_its_blank_line_is_caught() -> None:
    backend = Backend(*WHOLE[:-1], MessageStop(b"event: message_stop\ndata: {}\n"))
    await refused(kit(backend).test_frames_are_whole, "ends with its blank line")


class Silent(Backend):
    """Says one thing and then nothing, for as long as `patient` lets it."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        yield START
        await asyncio.Event().wait()


async def test_an_answer_that_never_ends_is_caught() -> None:
    tests = kit(Silent())
    why = r"within 0\.05 s; 1 events came"
    await refused(tests.test_events_come_in_order, why)
    await refused(tests.test_what_it_cannot_answer_is_a_gateway_error, why)


class Clinging(Backend):
    """Does not let go when it is closed or cancelled, until `released`."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        try:
            yield START
            await asyncio.Event().wait()
        finally:
            await self.released.wait()


async def test_a_backend_that_does_not_let_go_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claude_gateway.testing.backends.LET_GO_WITHIN", 0.01)
    monkeypatch.setattr("claude_gateway.testing.checks.LET_GO_WITHIN", 0.01)
    backend = Clinging()
    await refused(kit(backend).test_leaving_early_is_quick_and_harmless, "took longer than")
    stream = backend.stream(ModelRequest("m", {}))
    await anext(stream)
    asyncio.get_running_loop().call_later(0.05, backend.released.set)
    with pytest.raises(AssertionError, match="went on for more than"):
        await cancel_the_wait(stream)


class Swallowing(Backend):
    """Takes a cancellation for the end of its answer."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        yield START
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield Ping()


@pytest.mark.parametrize("seen", [0, 1])
async def test_a_swallowed_cancellation_is_caught(seen: int) -> None:
    tests = kit(Swallowing())
    await refused(tests.test_cancelling_while_it_waits_is_quick_and_harmless, "swallowed", seen)


class Exclusive(Backend):
    """Can tell one answer at a time; whoever comes in between gets nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = False

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        events = (START, *END) if self.busy else self.events
        self.busy = True
        for event in events:
            await asyncio.sleep(0)
            yield event


async def test_a_backend_that_serves_one_at_a_time_is_caught() -> None:
    tests = kit(Exclusive())
    await refused(tests.test_streams_run_side_by_side, "One of 10 answers", 10)


class Failing(Backend):
    """Lets an error out."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        if request.model:
            raise self.error
        yield START


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (KeyError("content"), "KeyError came out of the backend"),
        (TimeoutError(), "TimeoutError came out of the backend"),
        (UpstreamError(" "), "UpstreamError has no message"),
    ],
)
async def test_errors_that_no_client_can_be_told_are_caught(error: Exception, why: str) -> None:
    await refused(kit(Failing(error)).test_what_it_cannot_answer_is_a_gateway_error, why)


async def test_an_error_with_a_message_is_fine() -> None:
    backend = Failing(UpstreamError("It is down."))
    await kit(backend).test_what_it_cannot_answer_is_a_gateway_error(backend)


async def test_a_stream_that_cannot_be_closed_is_caught() -> None:
    class Bare:
        def __aiter__(self) -> Bare:
            return self

    with pytest.raises(AssertionError, match="must be an async generator"):
        await hear(Bare(), 1)  # type: ignore[arg-type]


class Inconsistent(Backend):
    """Has abilities that each give something else than promised."""

    async def stream_batches(self, request: ModelRequest) -> AsyncGenerator[Sequence[Event]]:
        yield (START, TEXT, TextDelta(0, "Hell"), TextDelta(0, "o"), BlockStop(0), *END)

    async def complete(self, request: ModelRequest) -> Answer:
        return answer({"content": [{"type": "text", "text": "Bye"}], "stop_reason": "end_turn"})

    async def count_tokens(self, request: ModelRequest) -> Answer:
        return answer({"input_tokens": 0})

    def serves(self, model_id: str) -> bool:
        return model_id  # type: ignore[return-value]

    async def check_health(self) -> Health:
        return True  # type: ignore[return-value]


async def test_abilities_that_give_something_else_are_caught() -> None:
    tests = kit(Inconsistent())
    await refused(tests.test_batches_are_the_same_events, "give different events")
    await refused(tests.test_an_answer_in_one_piece_is_the_streamed_one, "different text")
    await refused(tests.test_tokens_are_counted, "at least one token, not 0")
    await refused(tests.test_whether_it_serves_an_unlisted_model_is_yes_or_no, "not a bool")
    await refused(tests.test_health_is_reported, "not a Health")


async def test_other_words_are_fine_when_answers_are_not_compared() -> None:
    backend = Inconsistent()
    tests = kit(backend)
    tests.deterministic = False
    await tests.test_batches_are_the_same_events(backend)
    await tests.test_an_answer_in_one_piece_is_the_streamed_one(backend)


class Careless(Backend):
    """Its abilities are wrong in more ways."""

    async def stream_batches(self, request: ModelRequest) -> AsyncGenerator[Sequence[Event]]:
        yield self.events
        yield ()

    async def complete(self, request: ModelRequest) -> Answer:
        return Answer(b'{"content":[]}', {"content": ["other"]})

    async def count_tokens(self, request: ModelRequest) -> Answer:
        return answer({"input_tokens": "3"})


async def test_abilities_that_are_malformed_are_caught() -> None:
    tests = kit(Careless())
    await refused(tests.test_batches_are_the_same_events, "an empty batch")
    await refused(tests.test_an_answer_in_one_piece_is_the_streamed_one, "not its message as JSON")
    await refused(tests.test_tokens_are_counted, "'3', not a whole number")


class Reasonless(Backend):
    async def complete(self, request: ModelRequest) -> Answer:
        return answer({"content": [{"type": "text", "text": "Hello"}], "stop_reason": "max_tokens"})


class Contentless(Backend):
    async def complete(self, request: ModelRequest) -> Answer:
        return answer({"content": "Hello"})


@pytest.mark.parametrize(
    ("backend", "why"), [(Reasonless(), "stop reasons"), (Contentless(), "content is no list")]
)
async def test_another_message_in_one_piece_is_caught(backend: Backend, why: str) -> None:
    await refused(kit(backend).test_an_answer_in_one_piece_is_the_streamed_one, why)


async def test_text_blocks_that_come_whole_count_as_text() -> None:
    block = BlockStart(0, {"type": "text", "text": "Hel"})
    heard = await hear(
        Backend(START, block, TextDelta(0, "lo"), BlockStop(0)).stream(ModelRequest("m", {})), 1
    )
    assert heard.text == "Hello"
    assert heard.stop_reason is None
