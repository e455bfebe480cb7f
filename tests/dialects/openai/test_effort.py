"""How much to think, in each model's own terms."""

from __future__ import annotations

import pytest

from claude_gateway.dialects.openai.effort import LEVELS, effort, shown, summary
from claude_gateway.errors import InvalidRequest
from claude_gateway.models.table import shipped_models
from claude_gateway.types.models import Effort, ModelInfo

ADAPTIVE = ModelInfo("claude-x", thinking="adaptive")
ALWAYS = ModelInfo("claude-y", thinking="always")
MANUAL = ModelInfo("claude-z", thinking="manual")
PLAIN: dict[str, object] = {"max_tokens": 64_000, "messages": [{"role": "user", "content": "Hi"}]}
RESULT = {"type": "tool_result", "tool_use_id": "a"}


def asked(level: str | None, model: ModelInfo, **params: object) -> tuple[object, list[str]]:
    ignored: list[str] = []
    return effort(level, "reasoning_effort", model, {**PLAIN, **params}, ignored), ignored


@pytest.mark.parametrize("model", [ADAPTIVE, ALWAYS, MANUAL, ModelInfo("claude-next")])
def test_nothing_is_sent_that_was_not_asked_for(model: ModelInfo) -> None:
    assert asked(None, model) == ({}, [])


@pytest.mark.parametrize("model", [ADAPTIVE, ALWAYS])
@pytest.mark.parametrize(
    ("level", "sent"),
    [
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("xhigh", "xhigh"),
        ("max", "max"),
    ],
)
def test_a_level_is_an_effort(model: ModelInfo, level: str, sent: str) -> None:
    assert asked(level, model) == ({"output_config": {"effort": sent}}, [])


@pytest.mark.parametrize(
    ("name", "thinking"),
    [
        ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}),
        ("claude-haiku-5-5", {"thinking": {"type": "disabled"}}),
        ("claude-opus-5", {"thinking": {"type": "disabled"}}),
        ("claude-opus-5-5", {"output_config": {"effort": "low"}}),
        ("claude-fable-5-2", {"output_config": {"effort": "low"}}),
        ("claude-haiku-4-5", {}),
    ],
)
def test_no_thinking_is_as_little_as_the_model_can(name: str, thinking: object) -> None:
    [model] = [model for model in shipped_models() if model.id == name]
    assert asked("none", model) == (thinking, [])


@pytest.mark.parametrize("name", ["claude-opus-4-6", "claude-sonnet-4-6"])
def test_a_model_without_a_level_is_given_the_one_below(name: str) -> None:
    [model] = [model for model in shipped_models() if model.id == name]
    assert asked("xhigh", model) == ({"output_config": {"effort": "high"}}, [])
    assert asked("max", model) == ({"output_config": {"effort": "max"}}, [])


@pytest.mark.parametrize(
    ("efforts", "level", "sent"),
    [
        (("low", "high"), "medium", "low"),
        (("low", "high"), "max", "high"),
        (("high",), "low", "high"),
        (("medium", "max"), "none", "medium"),
    ],
)
def test_levels_are_those_that_the_model_takes(
    efforts: tuple[Effort, ...], level: str, sent: str
) -> None:
    model = ModelInfo("m", thinking="always", efforts=efforts)
    assert asked(level, model) == ({"output_config": {"effort": sent}}, [])


def test_a_model_that_takes_no_level_is_sent_none() -> None:
    model = ModelInfo("m", thinking="adaptive", efforts=())
    assert asked("high", model) == ({}, ["reasoning_effort"])


@pytest.mark.parametrize(
    ("level", "limit", "budget"),
    [
        ("minimal", 64_000, 1024),
        ("low", 64_000, 4096),
        ("high", 64_000, 32_000),
        ("max", 200_000, 65_536),
        ("max", 2048, 1024),
    ],
)
def test_an_older_model_thinks_by_budget_and_keeps_room_to_answer(
    level: str, limit: int, budget: int
) -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    assert asked(level, MANUAL, max_tokens=limit) == (thinking, [])


@pytest.mark.parametrize(
    "params",
    [
        {"max_tokens": 2047},
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"tool_choice": {"type": "any"}},
        {"tool_choice": {"type": "tool", "name": "look"}},
        {"messages": [{"role": "user", "content": [RESULT]}]},
    ],
)
def test_where_a_budget_would_be_refused_it_is_reported_instead(params: dict[str, object]) -> None:
    assert asked("high", MANUAL, **params) == ({}, ["reasoning_effort"])


@pytest.mark.parametrize(
    "params",
    [
        {"tool_choice": {"type": "auto"}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
    ],
)
def test_tools_and_parts_do_not_stand_in_the_way_of_a_budget(params: dict[str, object]) -> None:
    assert asked("low", MANUAL, **params)[1] == []


@pytest.mark.parametrize("level", ["none", *LEVELS])
def test_of_an_unknown_model_nothing_is_asked(level: str) -> None:
    assert asked(level, ModelInfo("claude-next")) == ({}, ["reasoning_effort"])


@pytest.mark.parametrize("level", ["extreme", "", "None"])
@pytest.mark.parametrize("model", [ADAPTIVE, ModelInfo("claude-next")])
def test_a_level_that_does_not_exist_is_refused(level: str, model: ModelInfo) -> None:
    with pytest.raises(InvalidRequest) as failure:
        asked(level, model)
    assert failure.value.param == "reasoning_effort"


@pytest.mark.parametrize(
    ("first", "sent", "ignored"),
    [
        ({"type": "thinking", "thinking": "", "signature": "c2ln"}, 32_000, []),
        ({"type": "redacted_thinking", "data": "x"}, 32_000, []),
        ({"type": "text", "text": "Hm"}, None, ["reasoning_effort"]),
    ],
)
def test_t05_after_results_an_old_model_thinks_on_where_its_thinking_came_back(
    first: dict[str, object], sent: int | None, ignored: list[str]
) -> None:
    call = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
    messages = [
        *({"role": "user", "content": "Hi"}, {"role": "assistant", "content": [first, call]}),
        {"role": "user", "content": [RESULT]},
    ]
    thinking = {"thinking": {"type": "enabled", "budget_tokens": sent}} if sent else {}
    assert asked("high", MANUAL, messages=messages) == (thinking, ignored)


SHOWN = {"type": "adaptive", "display": "summarized"}


def showing(model: ModelInfo, sent: object = None, **params: object) -> tuple[object, list[str]]:
    """What is sent for a client that wants to see the reasoning, and what is reported."""
    ignored: list[str] = []
    asked_for = sent if isinstance(sent, dict) else {}
    return shown("include_reasoning", asked_for, model, {**PLAIN, **params}, ignored), ignored


def test_reasoning_is_shown_to_whoever_asks() -> None:
    high = {"output_config": {"effort": "high"}}
    for model in (ADAPTIVE, ALWAYS):
        assert showing(model) == ({"thinking": SHOWN}, [])
        assert showing(model, high) == ({**high, "thinking": SHOWN}, [])


@pytest.mark.parametrize("model", [ADAPTIVE, ALWAYS, MANUAL, ModelInfo("claude-next")])
def test_reasoning_is_shown_to_nobody_else(model: ModelInfo) -> None:
    ignored: list[str] = []
    assert shown("", {}, model, PLAIN, ignored) == {}
    assert ignored == []


@pytest.mark.parametrize(
    ("model", "sent", "params"),
    [
        (ModelInfo("claude-next"), {}, {}),
        (MANUAL, {}, {}),
        (ADAPTIVE, {}, {"tool_choice": {"type": "any"}}),
        (ADAPTIVE, {}, {"temperature": 1}),
        (ADAPTIVE, {"thinking": {"type": "disabled"}}, {}),
        (ADAPTIVE, {"thinking": {"type": "between_tools"}}, {}),
    ],
)
def test_where_it_cannot_be_shown_that_is_reported(
    model: ModelInfo, sent: object, params: dict[str, object]
) -> None:
    assert showing(model, sent, **params) == (sent, ["include_reasoning"])


def test_thinking_by_budget_is_seen_anyhow() -> None:
    sent, _ = asked("low", MANUAL)
    assert showing(MANUAL, sent) == (sent, [])


@pytest.mark.parametrize("word", ["auto", "concise", "detailed"])
def test_a_summary_is_a_wish_to_see_it(word: str) -> None:
    assert summary({"summary": word}) == "reasoning.summary"
    assert summary({"effort": "high"}) == summary({"summary": None}) == ""


@pytest.mark.parametrize("word", ["odd", "", 5])
def test_any_other_wish_is_named(word: object) -> None:
    with pytest.raises(InvalidRequest) as failure:
        summary({"summary": word})
    assert failure.value.param == "reasoning.summary"
