"""What a run comes to."""

from __future__ import annotations

import json
from decimal import Decimal

from claude_gateway import OWNER, Run, Usage
from claude_gateway.runs.outcome import answer, estimated
from claude_gateway.types.runs import cost_of


def run(**fields: object) -> Run:
    return Run("run_1", OWNER, "m", "b", "req_1", True, 0.0, **fields)  # type: ignore[arg-type]


def price(_model: str, used: Usage) -> Decimal | None:
    """A dollar a token, ten for prompts of more than a hundred; 13 tokens nobody can price."""
    if used.output_tokens == 13:
        return None
    return Decimal(used.total_tokens * (10 if used.prompt_tokens > 100 else 1))


def test_the_tier_is_that_of_each_call_not_of_their_sum() -> None:
    rounds = (Usage(input_tokens=60, output_tokens=1), Usage(input_tokens=61, output_tokens=2))
    both = Usage(input_tokens=121, output_tokens=3)
    assert cost_of(run(usage=both, rounds=rounds), price) == 124
    assert cost_of(run(usage=both), price) == 1240


def test_estimated_tokens_belong_to_the_last_call() -> None:
    rounds = (Usage(input_tokens=10, output_tokens=5), Usage(input_tokens=20))
    assert cost_of(run(usage=Usage(input_tokens=30, output_tokens=9), rounds=rounds), price) == 39


def test_a_cost_is_unknown_when_that_of_any_call_is() -> None:
    rounds = (Usage(output_tokens=13), Usage(output_tokens=1))
    assert cost_of(run(usage=Usage(output_tokens=14), rounds=rounds), price) is None


def test_t26_tokens_that_upstream_did_not_count_yet_are_estimated_never_lowered() -> None:
    message = {"content": [{"type": "text", "text": "x" * 400}]}
    assert estimated(Usage(10, 1), message).output_tokens > 100
    assert estimated(Usage(10, 1000), message).output_tokens == 1000
    assert estimated(Usage(10, 1), {}) == Usage(10, 1)


def test_of_half_an_answer_only_what_was_said_is_kept() -> None:
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "Well"},
        {"type": "text", "text": " "},
        {"type": "tool_use", "id": "t", "name": "n", "input": {}},
    ]
    [kept] = answer({"content": content}, "m1", run(), whole=False)
    assert json.loads(kept.content) == [{"type": "text", "text": "Well"}]
    assert kept.metadata == {"partial": True}
    [whole] = answer({"content": content}, "m1", run(), whole=True)
    assert json.loads(whole.content) == content
    assert answer({"content": content[:1]}, "m1", run(), whole=False) == ()
