"""Shapes of runs, what they cost, and what was used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from claude_gateway.dialects.resources.runs import DECISIONS, LONGEST_REASON
from claude_gateway.dialects.shapes.common import APPROVAL, TOKENS
from claude_gateway.dialects.shapes.words import (
    ANYTHING,
    COUNT,
    DAY,
    DOLLARS,
    FLAG,
    MOMENT,
    NUMBER,
    TEXT,
    Shape,
    array,
    asked,
    maybe,
    one_of,
    page,
    ref,
    string,
    told,
)
from claude_gateway.types.approvals import Decision
from claude_gateway.types.spending import SORTS
from claude_gateway.types.turns import RunStatus

ASKED_CALL = told(
    tool_call_id=TEXT,
    name=TEXT,
    server=TEXT,
    tool=TEXT,
    input=ANYTHING,
    approval=APPROVAL,
    decision=one_of(get_args(Decision)),
    reason=maybe(TEXT),
    expires_at=MOMENT,
    decided_at=maybe(MOMENT),
)
PART = told(**{"class": TEXT}, tokens=COUNT, dollars_per_million=maybe(NUMBER), cost=maybe(NUMBER))
ROUND = told(
    prompt_tokens=COUNT,
    tier_above_tokens=maybe(COUNT),
    price_since=maybe(DAY),
    factor=NUMBER,
    service_tier=maybe(TEXT),
    inference_geo=maybe(TEXT),
    parts=array(PART),
    cost=DOLLARS,
)
FIGURES: Mapping[str, Shape] = {
    "runs": COUNT,
    **TOKENS,
    "total_cost": DOLLARS,
    "unpriced_runs": COUNT,
}

SHAPES: Mapping[str, Shape] = {
    "Run": told(
        id=TEXT,
        object={"const": "run"},
        session_id=maybe(TEXT),
        project_id=maybe(TEXT),
        status=one_of(get_args(RunStatus)),
        model=TEXT,
        served_model=maybe(TEXT),
        dialect=TEXT,
        stream=FLAG,
        on_disconnect=TEXT,
        stop_reason=maybe(TEXT),
        error=maybe(told(code=TEXT, message=maybe(TEXT))),
        usage=told(**TOKENS),
        total_cost=DOLLARS,
        last_event=COUNT,
        approvals=array(ASKED_CALL),
        created_at=MOMENT,
        ended_at=maybe(MOMENT),
    ),
    "Runs": page("runs", ref("Run")),
    "RunCost": told(
        id=TEXT,
        object={"const": "run.cost"},
        model=TEXT,
        status=one_of(get_args(RunStatus)),
        final=FLAG,
        booked_cost=DOLLARS,
        total_cost=DOLLARS,
        rounds=array(ROUND),
        rounds_known=FLAG,
        unknown=array(TEXT),
    ),
    "Decision": asked(
        {"decision"},
        rules={
            "not": {
                "properties": {
                    "decision": {"const": "deny"},
                    "remember": {"const": "session"},
                },
                "required": ["decision", "remember"],
            }
        },
        decision=one_of(DECISIONS),
        reason=string(LONGEST_REASON),
        remember={"enum": [False, "session", None]},
    ),
    "Usage": {
        **page("data", told(tuple(SORTS), **dict.fromkeys(SORTS, maybe(TEXT)), **FIGURES)),
        "allOf": [
            told(
                **{"object": {"const": "usage"}, "from": DAY, "to": DAY},
                group_by=array(one_of(SORTS)),
                sum=told(**FIGURES),
            )
        ],
    },
}
