"""T-08: what the engine does for thinking that goes back to a model."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway import (
    OWNER,
    GatewayError,
    InvalidRequest,
    MessageDelta,
    MessageStart,
    MessageStop,
    ModelInfo,
    ModelRequest,
    Run,
)
from claude_gateway.backends import Backend
from claude_gateway.engine import Engine
from claude_gateway.engine.account import note
from claude_gateway.engine.calls import folded
from claude_gateway.engine.joining import Joiner
from claude_gateway.engine.rounds import joined
from claude_gateway.engine.thinking import binds, bound, rejects, without_thinking
from claude_gateway.types.requests import Answer

if TYPE_CHECKING:
    from tests.conftest import Scripted

CONTROLS = "thinking-binding-controls-2026-08-01"
DROP = {"prefix_mismatch_behavior": "drop_block"}
THOUGHT = {"type": "thinking", "thinking": "", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
SAID = {"type": "text", "text": "Yes"}
REJECTED = InvalidRequest("No.", code="thinking_rejected")


def asked(*content: Any, may_forget: bool = True, **params: Any) -> ModelRequest:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [*content]},
        {"role": "user", "content": [SAID]},
    ]
    return ModelRequest(
        "m", {"messages": messages, **params}, binds_thinking=True, may_forget=may_forget
    )


@pytest.fixture
def run() -> Run:
    return Run("run_1", OWNER, "m", "b", "req_1", stream=True, started=0.0)


def dropped(*paths: str, type: str = "thinking_dropped") -> list[object]:  # noqa: A002  # the field's name
    return [{"type": type, "path": path, "reason": "prefix_binding_mismatch"} for path in paths]


# --- the wish


@pytest.mark.parametrize("block", [THOUGHT, HIDDEN])
def test_t08_thinking_goes_back_with_the_wish_to_drop_what_does_not_fit(
    block: dict[str, object],
) -> None:
    request = asked(block, SAID, max_tokens=9)
    sent = bound(request)
    assert sent.params == {
        **request.params,
        "thinking": {"type": "adaptive", "block_binding": DROP},
    }
    assert sent.headers == {"anthropic-beta": CONTROLS}
    assert bound(sent) is sent
    assert "thinking" not in request.params


def test_t08_the_wish_is_put_into_what_is_asked_of_thinking() -> None:
    thinking = {"type": "adaptive", "display": "summarized"}
    sent = bound(asked(THOUGHT, thinking=thinking, max_tokens=9))
    assert list(sent.params) == ["messages", "thinking", "max_tokens"]
    assert sent.params["thinking"] == {**thinking, "block_binding": DROP}
    assert thinking == {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("theirs", "all_of_them"),
    [
        ("a, b,a", f"a,b,{CONTROLS}"),
        (f"{CONTROLS},b", f"{CONTROLS},b"),
        ("", CONTROLS),
    ],
)
def test_t08_betas_are_named_once(theirs: str, all_of_them: str) -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": theirs}
    sent = bound(replace(asked(THOUGHT), headers=headers))
    assert sent.headers == {**headers, "anthropic-beta": all_of_them}


@pytest.mark.parametrize(
    "request_",
    [
        asked(SAID),
        asked(),
        replace(asked(THOUGHT), binds_thinking=False),
        asked(THOUGHT, thinking={"type": "disabled"}),
        asked(THOUGHT, thinking={"type": "between_tools"}),
        asked(THOUGHT, thinking="deep"),
        asked(THOUGHT, thinking={"type": "adaptive", "block_binding": {}}),
        asked(THOUGHT, tool_choice={"type": "any"}),
        ModelRequest("m", {"messages": ["Hi"]}, binds_thinking=True),
        ModelRequest("m", {"messages": [{"role": "user", "content": [THOUGHT]}]}),
        ModelRequest("m", {}, raw=b"{}", binds_thinking=True),
    ],
)
def test_t08_every_other_request_stays_as_it_is(request_: ModelRequest) -> None:
    assert bound(request_) is request_


def test_t08_only_models_that_check_and_think_by_themselves_are_told() -> None:
    model = ModelInfo("m", binds_thinking=True, thinking="adaptive")
    assert binds(model)
    assert binds(replace(model, thinking="always"))
    assert not binds(replace(model, thinking="manual"))
    assert not binds(replace(model, binds_thinking=False))


# --- leaving it out


def test_t08_without_thinking_everything_else_stays(run: Run) -> None:
    request = asked(THOUGHT, HIDDEN, SAID, tools=[{"name": "look"}])
    first, _, last = request.messages
    sent = without_thinking(request, run)
    assert sent.params["messages"] == [first, {"role": "assistant", "content": [SAID]}, last]
    assert sent.params["tools"] == [{"name": "look"}]
    assert run.forgot_thinking


def test_t08_a_turn_of_nothing_but_thinking_is_left_out(run: Run) -> None:
    request = asked(THOUGHT)
    assert without_thinking(request, run).messages == [request.messages[0], request.messages[2]]


def test_t08_a_budget_is_not_spent_on_a_turn_that_has_lost_its_thinking(run: Run) -> None:
    by_budget = asked(THOUGHT, SAID, thinking={"type": "enabled", "budget_tokens": 1024})
    assert "thinking" not in without_thinking(by_budget, run).params
    adaptive = asked(THOUGHT, SAID, thinking={"type": "adaptive"})
    assert without_thinking(adaptive, run).params["thinking"] == {"type": "adaptive"}


@pytest.mark.parametrize(
    ("error", "request_"),
    [
        (InvalidRequest("No."), asked(THOUGHT)),
        (REJECTED, asked(THOUGHT, may_forget=False)),
        (REJECTED, asked(SAID)),
    ],
)
def test_t08_only_thinking_that_may_be_forgotten_is(
    error: GatewayError, request_: ModelRequest
) -> None:
    assert not rejects(error, request_)
    assert rejects(REJECTED, asked(THOUGHT))


async def test_t08_one_more_attempt_is_made_without_thinking(
    scripted: type[Scripted], run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    backend = scripted([REJECTED.again()], scripted.saying("Yes"))
    engine = Engine((), max_retries=0)
    with caplog.at_level(logging.WARNING):
        await folded(engine.stream(Backend.of("b", backend), asked(THOUGHT, SAID), run))
    assert [len(one.messages[1]["content"]) for one in backend.asked] == [2, 1]  # type: ignore[arg-type]
    assert ["block_binding" in str(one.params) for one in backend.asked] == [True, False]
    assert (run.retries, run.forgot_thinking) == (1, True)
    assert [record.message for record in caplog.records] == [
        "upstream rejected earlier thinking, trying again without it"
    ]


async def test_t08_a_second_rejection_is_raised(scripted: type[Scripted], run: Run) -> None:
    backend = scripted([REJECTED.again()])
    stream = Engine((), max_retries=3).stream(Backend.of("b", backend), asked(THOUGHT, SAID), run)
    with pytest.raises(InvalidRequest):
        await folded(stream)
    assert len(backend.asked) == 2


# --- what upstream says it dropped


def test_t08_dropped_thinking_is_noted_and_logged_once_without_content(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    said = dropped("messages.1.content.0", "messages.3.content.0")
    with caplog.at_level(logging.WARNING):
        note(run, [MessageStart({"id": "msg_1", "input_transformations": said})])
        note(run, [MessageDelta({"stop_reason": "end_turn", "input_transformations": said})])
    assert run.forgot_thinking
    [record] = caplog.records
    assert record.__dict__["blocks"] == 2
    assert record.__dict__["reasons"] == "prefix_binding_mismatch"


@pytest.mark.parametrize(
    "said",
    [
        [],
        None,
        "x",
        ["x"],
        dropped("messages.1.content.0", type="thinking_mismatch_allowed"),
    ],
)
def test_t08_what_was_shown_to_the_model_is_not_forgotten(run: Run, said: object) -> None:
    note(run, [MessageStart({"input_transformations": said})])
    assert not run.forgot_thinking


def test_t08_rounds_say_together_what_was_dropped() -> None:
    one, two, three = (dropped(f"messages.{n}.content.0") for n in (1, 3, 5))
    joiner = Joiner()
    joiner.feed([MessageStart({"id": "a", "input_transformations": one})])
    joiner.feed([MessageDelta({"stop_reason": "pause_turn"}), MessageStop()])
    joiner.next_round()
    joiner.feed([MessageStart({"id": "b", "input_transformations": two})])
    joiner.feed([MessageDelta({"input_transformations": three}), MessageStop()])
    last = joiner.end()[0]
    assert isinstance(last, MessageDelta)
    assert last.delta["input_transformations"] == [*one, *three]  # the end of a round says it anew
    answers = [Answer(b"", {"id": "x", "input_transformations": said}) for said in (one, two)]
    assert joined(answers, [[], []]).message["input_transformations"] == [*one, *two]
    assert "input_transformations" not in joined([Answer(b"", {})], [[]]).message
