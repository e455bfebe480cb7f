"""`claude-gateway budgets`, without the server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command


def told(command: Command, *arguments: str) -> Any:
    done = command("budgets", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_budget_is_set_shown_listed_changed_and_removed(command: Command) -> None:
    set_ = told(command, "set", "user", "owner", "--limit", "100", "--period", "month")
    named = {name: set_[name] for name in ("kind", "id", "owner", "period", "limit", "soft")}
    assert named == {
        "kind": "user",
        "id": "owner",
        "owner": None,
        "period": "month",
        "limit": 100.0,
        "soft": None,
    }
    changed = told(
        command, "set", "user", "owner", "--limit", "2.50", "--soft", "0.8", "--period", "month"
    )
    assert (changed["limit"], changed["soft"], changed["left"]) == (2.5, 0.8, 2.5)
    assert told(command, "show", "user", "owner", "--period", "month") == changed
    assert told(command, "list") == [changed]
    shown = command("budgets", "list").out
    assert shown.splitlines()[0].split()[:5] == ["kind", "id", "owner", "period", "limit"]
    assert shown.splitlines()[1].split()[:6] == [
        "user",
        "owner",
        "month",
        "$2.5000",
        "0.8",
        "$0.0000",
    ]
    done = command("budgets", "remove", "user", "owner", "--period", "month")
    assert done.out == "Removed the budget of user owner (month).\n"
    assert told(command, "list") == []


def test_keys_and_users_go_by_their_names_too(command: Command) -> None:
    made = json.loads(command("keys", "create", "--name", "Ada's phone", "--json").out)
    budget = told(command, "set", "key", "Ada's phone", "--limit", "5", "--period", "day")
    assert budget["id"] == made["id"]
    user = json.loads(command("users", "create", "ada", "--json").out)
    assert told(command, "set", "user", "ada", "--limit", "5")["id"] == user["id"]


def test_whose_project_it_is_goes_by_name_and_stands_in_the_list(command: Command) -> None:
    ada = json.loads(command("users", "create", "ada", "--json").out)["id"]
    made = json.loads(command("projects", "create", "App", "--owner", "ada", "--json").out)
    named = ("project", made["id"], "--owner", "ada")
    assert told(command, "set", *named, "--limit", "5")["owner"] == ada
    assert command("budgets", "list").out.splitlines()[1].split()[:4] == [
        *("project", made["id"]),
        *(ada, "total"),
    ]
    assert told(command, "show", *named)["id"] == made["id"]
    # It stays when the project is gone, and is named as before.
    command("projects", "delete", made["id"], "--yes", "--owner", "ada")
    assert command("budgets", "remove", *named).code == 0
    assert told(command, "list") == []


def test_the_budget_of_a_new_key_is_one_of_them(command: Command) -> None:
    made = json.loads(
        command("keys", "create", "--name", "phone", "--budget", "5/day", "--json").out
    )
    assert made["budget"] == "5/day"
    (budget,) = told(command, "list")
    assert (budget["kind"], budget["id"], budget["period"]) == ("key", made["id"], "day")
    told(command, "set", "key", "phone", "--limit", "7", "--period", "day")
    assert json.loads(command("keys", "show", "phone", "--json").out)["budget"] == "7/day"
    told(command, "remove", "key", "phone", "--period", "day")
    assert json.loads(command("keys", "show", "phone", "--json").out)["budget"] is None


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("set", "key", "none", "--limit", "5"), "There is no key 'none'."),
        (("set", "user", "nobody", "--limit", "5"), "There is no user 'nobody'."),
        (("set", "session", "none", "--limit", "5"), "no such session"),
        (("set", "project", "none", "--limit", "5"), "no such project"),
        (("set", "user", "owner", "--limit", "-1"), "limit must be US dollars, from 0"),
        (("set", "user", "owner", "--limit", "many"), "limit must be US dollars, from 0"),
        (("set", "user", "owner", "--limit", "1", "--soft", "2"), "soft must be a share"),
        (("set", "project", "none", "--limit", "5", "--owner", "eve"), "Nobody is called 'eve'"),
        (("set", "team", "x", "--limit", "1"), "'team' is not one of"),
        (("show", "user", "owner"), "There is no such budget."),
        (("remove", "user", "owner"), "There is no such budget."),
    ],
)
def test_what_is_wrong_is_one_sentence(
    command: Command, arguments: tuple[str, ...], why: str
) -> None:
    done = command("budgets", *arguments)
    assert done.code != 0
    assert why in done.err, done.err
    assert "Traceback" not in done.err
