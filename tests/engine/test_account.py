"""The account of a run is kept while its events go by."""

from __future__ import annotations

import pytest

from claude_gateway import (
    OWNER,
    Accepted,
    Answer,
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    OtherEvent,
    Ping,
    Run,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from claude_gateway.engine.account import account, note
from claude_gateway.engine.booking import Round
from claude_gateway.engine.hearing import Hearing


@pytest.fixture
def run() -> Run:
    return Run("run_1", OWNER, "m", "b", "req_1", stream=True, started=0.0)


@pytest.mark.parametrize(
    "piece",
    [TextDelta(0, "a"), ThinkingDelta(0, "a"), InputDelta(0, "{")],
    ids=["text", "thinking", "input"],
)
def test_the_first_piece_of_an_answer_is_noticed_once(run: Run, piece: Event) -> None:
    assert note(run, [Ping(), piece, piece])
    run.first_token = 1.0
    assert not note(run, [piece])


@pytest.mark.parametrize(
    "event",
    [
        Accepted(),
        MessageStart({}),
        BlockStart(0, {"type": "text"}),
        SignatureDelta(0, "s"),
        OtherDelta(0, {}),
        BlockStop(0),
        MessageDelta({}),
        MessageStop(),
        Ping(),
        OtherEvent("x", {}),
    ],
    ids=lambda event: type(event).__name__,
)
def test_other_events_are_no_piece_of_an_answer(run: Run, event: Event) -> None:
    assert not note(run, [event])


def test_usage_is_cumulative_and_the_last_stop_reason_counts(run: Run) -> None:
    start = {"model": "m-1", "usage": {"input_tokens": 9, "output_tokens": 1}}
    note(run, [MessageStart(start)])
    assert (run.served_model, run.usage) == ("m-1", Usage(9, 1))
    note(run, [MessageDelta({"stop_reason": "pause_turn"}, {"output_tokens": 4})])
    note(run, [MessageDelta({"stop_reason": "end_turn"}, {"output_tokens": 7})])
    assert (run.stop_reason, run.usage) == ("end_turn", Usage(9, 7))


def test_every_round_is_counted_by_itself_and_the_run_is_their_sum(run: Run) -> None:
    for number in (1, 2):
        with Round(run, Hearing()):
            usage = {"input_tokens": number, "output_tokens": 1}
            note(run, [MessageStart({"model": f"m-{number}", "usage": usage})])
            note(run, [MessageDelta({"stop_reason": f"{number}"}, {"output_tokens": 5})])
    account(run, Answer(b"", {"model": "m-3", "usage": {"input_tokens": 4}}))
    assert run.rounds == (Usage(1, 5), Usage(2, 5), Usage(4))
    assert run.usage == Usage(7, 10)
    assert (run.served_model, run.stop_reason) == ("m-1", None)


def test_what_follows_the_first_piece_in_its_batch_is_booked_too(run: Run) -> None:
    run.first_token = 1.0
    assert not note(run, [TextDelta(0, "a"), MessageDelta({"stop_reason": "end_turn"})])
    assert run.stop_reason == "end_turn"


def test_a_whole_answer_is_booked_at_once(run: Run) -> None:
    message = {"model": "m-1", "stop_reason": "refusal", "usage": {"output_tokens": 3}}
    account(run, Answer(b"", message))
    assert (run.served_model, run.stop_reason, run.usage) == ("m-1", "refusal", Usage(0, 3))


@pytest.mark.parametrize("odd", [None, 5, ["m"]])
def test_what_is_no_text_is_not_booked_as_one(run: Run, odd: object) -> None:
    note(run, [MessageStart({"model": odd}), MessageDelta({"stop_reason": odd})])
    assert (run.served_model, run.stop_reason) == (None, None)
    account(run, Answer(b"", {"model": odd, "stop_reason": odd, "usage": odd}))
    assert (run.served_model, run.stop_reason, run.usage) == (None, None, Usage())
