"""Nobody gives away more than they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from claude_gateway import OWNER, Forbidden, Key, Limits, Principal
from claude_gateway.access.granting import check_grant
from claude_gateway.types.principals import ALL_SCOPES, SCOPES

MAKER = Principal(
    "ada",
    "Ada",
    scopes=frozenset({"admin", "chat"}),
    models=frozenset({"a", "b"}),
    tools=frozenset({"t"}),
    tool_servers=frozenset({"s"}),
    limits=Limits(rpm=5, tpm=6, max_concurrent=7, budget=Decimal(8)),
)
SAME = Key(
    "key_1",
    "k",
    "",
    0.0,
    scopes=MAKER.scopes,
    models=MAKER.models,
    tools=MAKER.tools,
    tool_servers=MAKER.tool_servers,
    limits=MAKER.limits,
)
MORE: list[tuple[Mapping[str, object], str]] = [
    *(({"scopes": frozenset({scope})}, "scopes") for scope in SCOPES if scope not in MAKER.scopes),
    ({"user": "owner"}, "user"),
    ({"models": None}, "models"),
    ({"models": frozenset({"a", "c"})}, "models"),
    ({"tools": None}, "tools"),
    ({"tool_servers": frozenset({"x"})}, "servers"),
    *(
        ({"limits": replace(MAKER.limits, **{name: more})}, name)  # type: ignore[arg-type]
        for name in ("rpm", "tpm", "max_concurrent", "budget")
        for more in (None, 9)
    ),
    ({"limits": replace(MAKER.limits, budget_period="day")}, "budget"),
]


def test_as_much_and_less_may_be_given() -> None:
    check_grant(MAKER, SAME)
    check_grant(
        MAKER,
        replace(SAME, scopes=frozenset(), models=frozenset(), limits=Limits(1, 1, 1, Decimal(0))),
    )
    check_grant(OWNER, Key("k", "k", "", 0.0, user="owner", scopes=ALL_SCOPES))
    check_grant(replace(OWNER, id="ada"), Key("k", "k", "", 0.0, user="owner", scopes=ALL_SCOPES))


@pytest.mark.parametrize(("changes", "field"), MORE, ids=str)
def test_s3_more_than_one_has_cannot_be_given(changes: Mapping[str, object], field: str) -> None:
    for key, change in (
        (replace(SAME, **changes), None),  # type: ignore[arg-type]
        (SAME, changes),
        (replace(SAME, **changes), {"name": "taken over"}),  # type: ignore[arg-type]
    ):
        with pytest.raises(Forbidden) as refusal:
            check_grant(MAKER, key, change)
        assert (refusal.value.code, refusal.value.param) == ("grant_exceeded", field)
