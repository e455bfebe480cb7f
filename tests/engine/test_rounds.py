"""A turn of several calls of the model, as one stream or one answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway import (
    OWNER,
    Accepted,
    Answer,
    BlockStart,
    BlockStop,
    Event,
    GatewayError,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    ModelRequest,
    Observer,
    OtherDelta,
    Overloaded,
    Ping,
    RawJson,
    Run,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UpstreamError,
    UpstreamTimeout,
    Usage,
)
from claude_gateway.backends import Backend
from claude_gateway.engine import Engine
from claude_gateway.engine.breaker import CLOSED, OPEN, Breakers
from claude_gateway.engine.fallback import Alternative
from claude_gateway.engine.rounds import Turn
from claude_gateway.testing.grammar import check_order

if TYPE_CHECKING:
    from tests.conftest import Completing, Scripted

NOW = Overloaded("Busy.", retry_after=0)
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
QUESTION = {"role": "user", "content": "Where do foxes sleep?"}
PARAMS = {"max_tokens": 100, "system": [{"type": "text", "text": "Be brief."}], "tools": [SEARCH]}
ASKED = ModelRequest("m", {**PARAMS, "messages": [QUESTION]}, raw=b"{}")


class Diary(Observer):
    """Writes down what it is told of rounds."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def run_started(self, run: Run) -> None:
        self.said.append("started")

    def first_token(self, run: Run) -> None:
        self.said.append("first token")

    def round_ended(self, run: Run, usage: Usage) -> None:
        assert run.rounds[-1] == usage
        self.said.append(usage)

    def run_ended(self, run: Run) -> None:
        self.said.append(f"ended {run.error}")


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def run() -> Run:
    return Run("run_1", OWNER, "m", "scripted", "req_1", stream=True, started=0.0)


def text(index: int, *pieces: str) -> list[Event]:
    start = BlockStart(index, {"type": "text", "text": ""})
    return [start, *(TextDelta(index, piece) for piece in pieces), BlockStop(index)]


def round_(
    number: int,
    *events: Event,
    stop: str = "pause_turn",
    usage: Mapping[str, object] | None = None,
    **ending: object,
) -> list[Event]:
    """One answer; its counts are 10 and 5 unless they are given."""
    begun = {"input_tokens": 10, "output_tokens": 1}
    message = {"id": f"msg_{number}", "role": "assistant", "model": f"m-{number}", "usage": begun}
    return [
        Accepted({"request-id": str(number)}),
        MessageStart(message, b"frame"),
        *events,
        MessageDelta({"stop_reason": stop, **ending}, usage or {"output_tokens": 5}, b"frame"),
        MessageStop(b"frame"),
    ]


def last(number: int, *events: Event) -> list[Event]:
    return round_(number, *events, stop="end_turn")


def whole(number: int, *content: object, stop: str = "pause_turn", **more: object) -> Answer:
    message = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": f"m-{number}",
        "content": list(content),
        "stop_reason": stop,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **more,
    }
    return Answer(b"", message)


async def events(
    stream: AsyncGenerator[Sequence[Event]], heard: list[Event] | None = None
) -> list[Event]:
    """Read a stream; what came before a failure is in `heard`."""
    heard = [] if heard is None else heard
    async with aclosing(stream) as batches:
        async for batch in batches:
            heard += batch
    return heard


async def joined(
    fake: Scripted, run: Run, engine: Engine | None = None, request: ModelRequest = ASKED
) -> list[Event]:
    return await events((engine or Engine([], 0)).stream(Backend.of("s", fake), request, run))


async def test_a_turn_that_pauses_is_one_stream(scripted: type[Scripted], run: Run) -> None:
    fake = scripted(
        round_(1, *text(0, "Let ", "me "), *text(1, "look")),
        round_(2, Ping(), *text(0, ". ")),
        last(3, *text(0, "In "), *text(1, "dens.")),
    )
    said = await joined(fake, run)
    check_order(said)
    assert "".join(e.text for e in said if isinstance(e, TextDelta)) == "Let me look. In dens."
    assert [e.index for e in said if isinstance(e, BlockStart)] == [0, 1, 2, 3, 4]
    [start] = [e for e in said if isinstance(e, MessageStart)]
    assert (start.message["id"], start.message["model"]) == ("msg_1", "m-1")
    assert said[-2] == MessageDelta(
        {"stop_reason": "end_turn"}, {"input_tokens": 30, "output_tokens": 15}
    )
    assert (len(fake.asked), fake.open, run.complete, run.error) == (3, 0, True, None)


async def test_bytes_of_upstreams_are_only_passed_on_with_what_did_not_change(
    scripted: type[Scripted], run: Run
) -> None:
    block: list[Event] = [
        BlockStart(0, {"type": "text", "text": ""}, b"frame"),
        TextDelta(0, "a", frame=b"frame"),
        TextDelta(0, literal=b"b\\n", frame=b"frame"),
        ThinkingDelta(0, "c", b"frame"),
        SignatureDelta(0, "d", b"frame"),
        InputDelta(0, "{}", b"frame"),
        OtherDelta(0, {"citation": {}}, b"frame"),
        BlockStop(0, b"frame"),
    ]
    fake = scripted(round_(1, *block), last(2, Ping(b"ping"), *block))
    said = await joined(fake, run)
    assert said[2:10] == block
    assert {e.frame for e in said[1:10]} == {b"frame"}
    assert said[10] == Ping(b"ping")
    assert {(e.index, e.frame) for e in said[11:19]} == {(1, None)}  # type: ignore[union-attr]
    assert [type(e) for e in said[11:19]] == [type(e) for e in block]
    assert [e.literal for e in said[11:19] if isinstance(e, TextDelta)] == [None, b"b\\n"]
    assert (said[19].frame, said[20]) == (None, MessageStop(b"frame"))


async def test_a_turn_of_one_round_that_could_have_paused_comes_as_it_is(
    scripted: type[Scripted], run: Run
) -> None:
    script = round_(1, *text(0, "In dens."), stop="end_turn")
    said = await joined(scripted(script), run)
    assert [id(event) for event in said] == [id(event) for event in script]


@pytest.mark.parametrize(
    "tools", [None, [], [{"name": "look", "input_schema": {}}, {"type": "custom", "name": "b"}]]
)
async def test_t15_a_pause_where_none_can_be_is_the_end_and_nothing_is_collected(
    scripted: type[Scripted], run: Run, tools: object
) -> None:
    script = round_(1, *text(0, "Hm"))
    fake = scripted(script)
    request = replace(ASKED, params={**ASKED.params, "tools": tools})
    said = await joined(fake, run, request=request)
    assert [id(event) for event in said] == [id(event) for event in script]
    assert (len(fake.asked), run.stop_reason) == (1, "pause_turn")


async def test_without_rounds_a_pause_is_the_callers_to_see(
    scripted: type[Scripted], completing: type[Completing], run: Run
) -> None:
    script = round_(1, *text(0, "Hm"))
    stream = Engine([], 0).stream(Backend.of("s", scripted(script)), ASKED, run, rounds=None)
    assert [id(event) for event in await events(stream)] == [id(event) for event in script]
    answer = whole(1)
    fake = completing(answer)
    assert (await Engine([], 0).complete(Backend.of("c", fake), ASKED, run, rounds=None)) is answer
    assert len(fake.asked) == 1


SAID: list[Event] = [
    BlockStart(0, {"type": "thinking", "thinking": "", "signature": ""}),
    ThinkingDelta(0, "H\u00e9"),
    SignatureDelta(0, "c2ln"),
    BlockStop(0),
    BlockStart(1, {"type": "thinking", "thinking": "", "signature": ""}),
    SignatureDelta(1, "b21pdHRlZA=="),
    BlockStop(1),
    BlockStart(2, {"type": "redacted_thinking", "data": "ZGF0YQ=="}),
    BlockStop(2),
    BlockStart(3, {"type": "text", "text": ""}),
    OtherDelta(
        3, {"type": "citations_delta", "citation": {"cited_text": "a", "n": RawJson("1.10")}}
    ),
    TextDelta(3, literal=b'say \\"no\\"'),
    BlockStop(3),
    BlockStart(4, {"type": "server_tool_use", "id": "srvtoolu_1", "name": "search", "input": {}}),
    InputDelta(4, '{"n":123456789012345678901,'),
    InputDelta(4, r' "f":1.10,"m":-0.0,"e":"\u00e9"}'),
    BlockStop(4),
    BlockStart(5, {"type": "web_search_tool_result", "content": [{"score": RawJson("-0")}]}),
    BlockStop(5),
    BlockStart(6, {"type": "hologram", "z": 1, "a": None}),
    BlockStop(6),
]
SENT_BACK = [
    {"type": "thinking", "thinking": "H\u00e9", "signature": "c2ln"},
    {"type": "thinking", "thinking": "", "signature": "b21pdHRlZA=="},
    {"type": "redacted_thinking", "data": "ZGF0YQ=="},
    {
        "type": "text",
        "text": 'say "no"',
        "citations": [{"cited_text": "a", "n": RawJson("1.10")}],
    },
    {
        "type": "server_tool_use",
        "id": "srvtoolu_1",
        "name": "search",
        "input": RawJson(r'{"n":123456789012345678901, "f":1.10,"m":-0.0,"e":"\u00e9"}'),
    },
    {"type": "web_search_tool_result", "content": [{"score": RawJson("-0")}]},
    {"type": "hologram", "z": 1, "a": None},
]


async def test_t04_t05_t06_t07_what_was_said_goes_back_exactly_and_in_one_turn(
    scripted: type[Scripted], run: Run
) -> None:
    fake = scripted(round_(1, *SAID), round_(2, *text(0, "Hm")), last(3, *text(0, "In dens.")))
    await joined(fake, run)
    hm = {"type": "text", "text": "Hm"}
    assert [request.messages for request in fake.asked] == [
        [QUESTION],
        [QUESTION, {"role": "assistant", "content": SENT_BACK}],
        [QUESTION, {"role": "assistant", "content": [*SENT_BACK, hm]}],
    ]


async def test_t08_nothing_else_of_the_request_changes(scripted: type[Scripted], run: Run) -> None:
    fake = scripted(round_(1, *text(0, "Hm")), last(2))
    request = replace(ASKED, headers={"anthropic-beta": "b"})
    await joined(fake, run, request=request)
    first, second = fake.asked
    assert first is request
    assert list(second.params) == list(first.params)
    same = {key: value for key, value in second.params.items() if key != "messages"}
    assert same == {key: first.params[key] for key in same}
    assert second.messages[0] is first.messages[0]
    assert replace(second, params={}) == replace(first, params={}, raw=None)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (None, "container_1"),
        ("container_0", "container_1"),
        ({"skills": ["x"]}, {"skills": ["x"], "id": "container_1"}),
    ],
)
async def test_the_next_round_works_in_the_same_container(
    scripted: type[Scripted], run: Run, asked: object, sent: object
) -> None:
    container = {"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"}
    fake = scripted(
        round_(1, *text(0, "Hm"), container=container), round_(2, *text(0, "Hm")), last(3)
    )
    params = {**ASKED.params, "container": asked} if asked else ASKED.params
    await joined(fake, run, request=replace(ASKED, params=params))
    assert [request.params.get("container") for request in fake.asked] == [asked, sent, sent]


async def test_t17_t18_usage_is_the_sum_of_the_rounds_and_each_is_kept(
    scripted: type[Scripted], run: Run, diary: Diary
) -> None:
    details = {"output_tokens_details": {"thinking_tokens": 2}}
    searched = {"server_tool_use": {"web_search_requests": 1}}
    first = {"input_tokens": 12, "cache_read_input_tokens": 100, "output_tokens": 7, **details}
    fake = scripted(
        round_(1, *text(0, "Hm"), usage={**first, **searched}),
        round_(2, *text(0, "In dens."), stop="end_turn", usage={"output_tokens": 9, **searched}),
    )
    said = await joined(fake, run, Engine([diary], 0))
    one, two = Usage(12, 7, 0, 100, 2), Usage(10, 9)
    assert (run.rounds, run.usage) == ((one, two), one + two)
    assert diary.said == ["started", "first token", one, two, "ended None"]
    counted = [e.usage for e in said if isinstance(e, MessageDelta)]
    assert [Usage.from_wire(usage) for usage in counted] == [run.usage]
    assert counted[0]["server_tool_use"] == {"web_search_requests": 2}
    assert (run.served_model, run.stop_reason) == ("m-1", "end_turn")


async def test_a_run_of_one_round_has_one(
    scripted: type[Scripted], completing: type[Completing], run: Run, diary: Diary
) -> None:
    request = ModelRequest("m", {})
    await joined(scripted(), run, Engine([diary], 0), request)
    assert run.rounds == (Usage(10, 5),)
    other = replace(run, rounds=(), usage=Usage())
    await Engine([diary], 0).complete(Backend.of("c", completing()), request, other)
    assert (other.rounds, other.usage) == ((Usage(10, 5),), Usage(10, 5))
    once = ["started", "first token", Usage(10, 5), "ended None"]
    assert diary.said == [*once, "started", Usage(10, 5), "ended None"]


async def test_after_five_resumptions_a_pause_is_the_end(
    scripted: type[Scripted], run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    fake = scripted(round_(1, *text(0, "Hm")))
    said = await joined(fake, run)
    check_order(said)
    assert len(fake.asked) == 6
    assert run.rounds == (Usage(10, 5),) * 6
    assert said[-2].delta == {"stop_reason": "pause_turn"}  # type: ignore[union-attr]
    assert caplog.messages == ["a paused turn was not resumed"]
    assert (caplog.records[0].__dict__["resumed"], caplog.records[0].__dict__["run"]) == (
        5,
        "run_1",
    )


CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}


@pytest.mark.parametrize(
    "said",
    [
        [],
        [BlockStart(0, CALL), BlockStop(0)],
        [BlockStart(0, {"type": "text"}), OtherDelta(0, {"type": "light_delta"}), BlockStop(0)],
        [BlockStart(0, {"type": "server_tool_use"}), InputDelta(0, '{"q":'), BlockStop(0)],
    ],
    ids=["nothing", "a call without a result", "an unknown delta", "half an input"],
)
async def test_t15_what_cannot_go_back_as_it_was_is_not_resumed(
    scripted: type[Scripted], run: Run, said: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    fake = scripted(round_(1, *said))
    assert type((await joined(fake, run))[-1]) is MessageStop
    assert (len(fake.asked), run.stop_reason, run.error) == (1, "pause_turn", None)
    assert caplog.messages == ["a paused turn was not resumed"]


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_t16_a_failure_in_a_later_round_is_one_in_the_middle(
    scripted: type[Scripted], run: Run, diary: Diary, after: int
) -> None:
    broken = round_(2, *text(0, "In"))[:after]
    other = scripted()
    fake = scripted(round_(1, *text(0, "Hm")), [*broken, NOW])
    engine, heard = Engine([diary], 0, breakers := Breakers(1, 10)), list[Event]()
    alternative = Alternative("n", Backend.of("other", other), lambda: ASKED)
    stream = engine.stream(Backend.of("s", fake), ASKED, run, [alternative])
    with pytest.raises(Overloaded):
        await events(stream, heard)
    assert [e.text for e in heard if isinstance(e, TextDelta)] == ["Hm"]
    assert not [e for e in heard if isinstance(e, MessageDelta | MessageStop)]
    assert (other.asked, fake.open, run.error, run.complete) == ([], 0, "overloaded", False)
    assert breakers.of("s").state == OPEN
    used = [Usage(10, 5), *[Usage(10, 1)] * (after > 1), *[Usage()] * (after == 1)][
        : 1 + (after > 1)
    ]
    assert run.rounds == tuple(used)
    assert run.usage == sum(used, Usage())
    assert diary.said == ["started", "first token", *used, "ended overloaded"]


async def test_t16_a_later_round_that_ends_too_early_is_an_error(
    scripted: type[Scripted], run: Run
) -> None:
    fake = scripted(round_(1, *text(0, "Hm")), last(2, *text(0, "In"))[:-1])
    with pytest.raises(UpstreamError) as caught:
        await joined(fake, run)
    assert (caught.value.code, run.error) == ("upstream_truncated", "upstream_truncated")


async def test_every_round_is_tried_again_before_its_own_first_event(
    scripted: type[Scripted], completing: type[Completing], run: Run
) -> None:
    fake = scripted([NOW], round_(1, *text(0, "Hm")), [NOW], [Accepted(), NOW], last(2))
    check_order(await joined(fake, run, Engine([], 2)))
    assert (len(fake.asked), run.retries) == (5, 3)
    again = completing(whole(1, {"type": "text", "text": "Hm"}), NOW, whole(2, stop="end_turn"))
    answer = await Engine([], 2).complete(Backend.of("c", again), ASKED, run)
    assert (len(again.asked), answer.message["stop_reason"]) == (3, "end_turn")


async def test_a_model_that_stands_in_goes_on_with_its_own_request(
    scripted: type[Scripted], completing: type[Completing], run: Run
) -> None:
    other = scripted(round_(1, *text(0, "Hm")), last(2))
    own = ModelRequest("n", {**PARAMS, "messages": [QUESTION], "temperature": 1})
    alternative = Alternative("n", Backend.of("other", other), lambda: own)
    stream = Engine([], 0).stream(Backend.of("s", scripted([NOW])), ASKED, run, [alternative])
    check_order(await events(stream))
    assert [request.model for request in other.asked] == ["n", "n"]
    assert other.asked[1].params["temperature"] == 1
    assert len(other.asked[1].messages) == 2
    assert (run.fallback, run.served_backend) == ("n", "other")
    alternative = replace(alternative, backend=Backend.of("other", scripted(last(1))))
    answer = await Engine([], 0).complete(
        Backend.of("c", completing(NOW)), ASKED, run, [alternative]
    )
    assert answer.message["id"] == "msg_1"


async def test_t25_who_leaves_in_a_round_buys_no_other(
    scripted: type[Scripted], run: Run, diary: Diary
) -> None:
    fake = scripted(round_(1, *text(0, "Hm")))
    stream = Engine([diary], 0).stream(Backend.of("s", fake), ASKED, run)
    async with aclosing(stream) as batches:
        async for batch in batches:
            if any(isinstance(event, BlockStop) for event in batch):
                break
    assert (len(fake.asked), fake.open, run.error) == (1, 0, "cancelled")
    assert diary.said[-1] == "ended cancelled"


async def test_t25_who_leaves_as_a_round_ends_buys_no_other(
    scripted: type[Scripted], run: Run
) -> None:
    turn: asyncio.Task[list[Event]]

    class Leaving(Observer):
        def round_ended(self, run: Run, usage: Usage) -> None:
            asyncio.get_running_loop().call_soon(turn.cancel)

    fake = scripted(round_(1, *text(0, "Hm")))
    turn = asyncio.create_task(joined(fake, run, Engine([Leaving()], 0)))
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert (len(fake.asked), run.error) == (1, "cancelled")


async def test_t25_who_leaves_while_a_later_round_is_silent_lets_go_of_it(
    scripted: type[Scripted], run: Run
) -> None:
    fake = scripted(round_(1, *text(0, "Hm")), [asyncio.Event()])
    turn = asyncio.create_task(joined(fake, run))
    while len(fake.asked) < 2:
        await asyncio.sleep(0)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert (len(fake.asked), fake.open, run.error) == (2, 0, "cancelled")


@pytest.mark.parametrize("silent", [[asyncio.Event()], [*round_(2)[:2], asyncio.Event()]])
async def test_the_deadline_is_the_turns_and_not_each_rounds(
    scripted: type[Scripted], run: Run, silent: list[Any]
) -> None:
    run.deadline = time.monotonic() + 0.05
    fake = scripted(round_(1, *text(0, "Hm")), silent)
    with pytest.raises(UpstreamTimeout):
        await joined(fake, run)
    assert (len(fake.asked), fake.open, run.error) == (2, 0, "deadline_exceeded")


async def test_t07_a_whole_turn_that_pauses_is_one_answer(
    completing: type[Completing], run: Run, diary: Diary
) -> None:
    used = {"type": "server_tool_use", "id": "s", "name": "search", "input": {"n": 1.1}}
    written = b'{"content":[{"type":"server_tool_use","input":{"n":1.10,"m":-0,"e":1E2}}]}'
    call = {**CALL, "input": {"n": 1e30}}
    called = b'{"content":[{"type":"tool_use","input":{"n":1000000000000000000000000000000}}]}'
    fake = completing(
        replace(whole(1, used), body=written, headers={"request-id": "1"}),
        whole(2, {"type": "text", "text": "Hm"}),
        replace(whole(3, call, stop="tool_use"), body=called),
    )
    answer = await Engine([diary], 0).complete(Backend.of("c", fake), ASKED, run)
    exact = {"n": RawJson("1.10"), "m": RawJson("-0"), "e": RawJson("1E2")}
    sent = {"type": "server_tool_use", "input": exact}
    hm = {"type": "text", "text": "Hm"}
    assert fake.asked[2].messages[1:] == [{"role": "assistant", "content": [sent, hm]}]
    assert answer == Answer(
        b"",
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m-1",
            "content": [sent, hm, {"type": "tool_use", "input": {"n": RawJson("1" + "0" * 30)}}],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 30, "output_tokens": 15},
        },
        {"request-id": "1"},
    )
    each = [Usage(10, 5)] * 3
    assert (run.rounds, run.usage, run.stop_reason) == (tuple(each), Usage(30, 15), "tool_use")
    assert diary.said == ["started", *each, "ended None"]


async def test_a_whole_turn_of_one_round_is_upstreams_answer_itself(
    completing: type[Completing], run: Run
) -> None:
    answer = whole(1, stop="end_turn")
    fake = completing(answer)
    assert (await Engine([], 0).complete(Backend.of("c", fake), ASKED, run)) is answer


async def test_a_whole_answer_that_cannot_be_read_exactly_is_not_resumed(
    completing: type[Completing], run: Run
) -> None:
    answer = replace(whole(1, {"type": "text", "text": "Hm"}), body=b'{"content":[NaN]}')
    fake = completing(answer)
    said = await Engine([], 0).complete(Backend.of("c", fake), ASKED, run)
    assert (said, len(fake.asked)) == (answer, 1)


async def test_t16_a_whole_turn_whose_later_round_fails_has_failed(
    completing: type[Completing], run: Run, diary: Diary
) -> None:
    fake = completing(whole(1, {"type": "text", "text": "Hm"}), NOW)
    alternative = Alternative("n", Backend.of("other", completing()), lambda: ASKED)
    with pytest.raises(Overloaded):
        await Engine([diary], 0).complete(Backend.of("c", fake), ASKED, run, [alternative])
    assert diary.said == ["started", Usage(10, 5), "ended overloaded"]
    assert run.usage == Usage(10, 5)


async def test_a_backend_that_only_streams_gives_whole_turns_too(
    scripted: type[Scripted], run: Run
) -> None:
    fake = scripted(round_(1, *text(0, "Hm. ")), last(2, *text(0, "In dens.")))
    answer = await Engine([], 0).complete(Backend.of("s", fake), ASKED, run)
    assert answer.message["content"] == [
        {"type": "text", "text": "Hm. "},
        {"type": "text", "text": "In dens."},
    ]
    assert answer.message["usage"] == {"input_tokens": 20, "output_tokens": 10}
    assert answer.message["stop_reason"] == "end_turn"


class Looking:
    """Rounds of another kind: calls are answered, and the model is asked again."""

    def __init__(self) -> None:
        self.calls: list[Mapping[str, object]] = []

    def possible(self, request: ModelRequest) -> bool:
        return True

    async def following(self, turn: Turn) -> ModelRequest | None:
        if turn.stop_reasons[-1] == "pause_turn":
            return turn.continued()
        self.calls += (calls := turn.calls())
        results = [{"type": "tool_result", "tool_use_id": call["id"]} for call in calls]
        return turn.continued({"role": "user", "content": results}) if results else None


async def test_t05_rounds_can_bring_results_of_tools_and_pause_in_between(
    scripted: type[Scripted], run: Run
) -> None:
    call: list[Event] = [BlockStart(1, CALL), InputDelta(1, '{"n":1.10}'), BlockStop(1)]
    fake = scripted(
        round_(1, *text(0, "Hm")),
        round_(2, *text(0, "Ah"), *call, stop="tool_use"),
        round_(3, *text(0, "So")),
        last(4, *text(0, "Yes")),
    )
    looking, request = Looking(), ModelRequest("m", {"messages": [QUESTION]})
    stream = Engine([], 0).stream(Backend.of("s", fake), request, run, rounds=looking)
    check_order(await events(stream))
    called = {**CALL, "input": RawJson('{"n":1.10}')}
    assert looking.calls == [called]
    hm, ah, so = ({"type": "text", "text": said} for said in ("Hm", "Ah", "So"))
    result = {"type": "tool_result", "tool_use_id": "toolu_1"}
    assert fake.asked[3].messages == [
        QUESTION,
        {"role": "assistant", "content": [hm, ah, called]},
        {"role": "user", "content": [result]},
        {"role": "assistant", "content": [so]},
    ]


async def test_a_turn_that_fails_between_rounds_is_booked_as_failed(
    scripted: type[Scripted], run: Run, diary: Diary
) -> None:
    class Failing(Looking):
        async def following(self, turn: Turn) -> ModelRequest | None:
            raise GatewayError("The tools are gone.", code="tools_gone")

    fake = scripted(round_(1, *text(0, "Hm")))
    breakers = Breakers(1, 10)
    stream = Engine([diary], 0, breakers).stream(
        Backend.of("s", fake), ASKED, run, rounds=Failing()
    )
    with pytest.raises(GatewayError, match="tools are gone"):
        await events(stream)
    assert diary.said == ["started", "first token", Usage(10, 5), "ended tools_gone"]
    assert breakers.of("s").state == CLOSED


async def test_what_happens_between_rounds_ends_at_the_deadline(
    scripted: type[Scripted], run: Run
) -> None:
    class Endless(Looking):
        async def following(self, turn: Turn) -> ModelRequest | None:
            await asyncio.Event().wait()
            raise AssertionError

    run.deadline = time.monotonic() + 0.05
    fake = scripted(round_(1, *text(0, "Hm")))
    stream = Engine([], 0).stream(Backend.of("s", fake), ASKED, run, rounds=Endless())
    with pytest.raises(UpstreamTimeout):
        await events(stream)
