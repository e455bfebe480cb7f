"""Limits of money, as clients set and read them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from claude_gateway.dialects.resources import budgets, keys
from claude_gateway.errors import InvalidRequest
from claude_gateway.types.budgets import Budget, BudgetName, BudgetState

NAME = BudgetName("project", "p", "month", "ada")


@pytest.mark.parametrize(
    ("given", "dollars", "period", "written"),
    [
        (20, "20", None, 20.0),
        (0.1, "0.1", None, 0.1),
        ("2.50", "2.5", None, 2.5),
        ("5/day", "5", "day", "5/day"),
        ("1000/month", "1000", "month", "1000/month"),
        ("7/total", "7", None, 7.0),
        (0, "0", None, 0.0),
    ],
)
def test_a_keys_budget_is_in_all_unless_it_says_a_period(
    given: object, dollars: str, period: str | None, written: object
) -> None:
    limits = keys.read({"name": "k", "budget": given}).limits
    assert (limits.budget, limits.budget_period) == (Decimal(dollars), period)
    assert budgets.short(limits.budget, limits.budget_period) == written


@pytest.mark.parametrize(
    "given", [-1, "x", "", "nan", "inf", "5/year", 10**7, True, "1e99", "/day"]
)
def test_what_is_no_budget_is_refused_by_the_name_of_its_field(given: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        keys.read({"name": "k", "budget": given})
    assert refused.value.param == "budget"


def test_no_budget_any_more_is_null() -> None:
    before = keys.read({"name": "k", "budget": "5/day"}).limits
    limits = keys.read_changes({"budget": None}, before)["limits"]
    assert limits == keys.read({"name": "k"}).limits


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"limit": 5, "soft": 0}, "soft"),
        ({"limit": 5, "soft": 1.01}, "soft"),
        ({"limit": 5, "soft": "0.8"}, "soft"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        budgets.read(fields, NAME, 0.0)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("kind", "period", "param"), [("team", "day", "kind"), ("key", "week", "period")]
)
def test_a_name_of_what_there_is_not_is_refused(kind: str, period: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        budgets.read_name(kind, "x", period, "ada")
    assert refused.value.param == param


def test_only_projects_and_sessions_are_somebodys() -> None:
    assert budgets.read_name("key", "k", "day", "ada") == BudgetName("key", "k", "day")
    assert budgets.read_name("session", "s", "day", "ada").owner == "ada"


def test_it_is_written_with_what_is_left_and_when_it_begins_anew() -> None:
    budget = budgets.read({"limit": 10, "soft": 0.8}, NAME, 0.0)
    state = BudgetState(budget, "2027-12", Decimal(8), Decimal("0.5"))
    assert budgets.written(state) == {
        "kind": "project",
        "id": "p",
        "owner": "ada",
        "period": "month",
        "window": "2027-12",
        "limit": 10.0,
        "soft": 0.8,
        "spent": 8.0,
        "reserved": 0.5,
        "left": 1.5,
        "warns": True,
        "resets_at": "2028-01-01T00:00:00Z",
        "changed_at": "1970-01-01T00:00:00Z",
    }
    whole = BudgetState(Budget(BudgetName("key", "k", "total"), Decimal(1)), "", Decimal(2))
    told = budgets.written(whole)
    assert (told["left"], told["resets_at"], told["window"]) == (0.0, None, None)
