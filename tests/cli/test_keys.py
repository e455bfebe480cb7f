"""`claude-gateway keys` and `users`, without the server."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway.access.issuing import well_formed

if TYPE_CHECKING:
    from tests.cli.conftest import Command


def created(command: Command, *arguments: str, name: str = "phone") -> Any:
    done = command("keys", "create", "--name", name, "--json", *arguments)
    assert done.code == 0, done.err
    return json.loads(done.out)


def shown(command: Command, key: str) -> Any:
    return json.loads(command("keys", "show", key, "--json").out)


def test_a_key_is_made_before_the_first_start_and_printed_once(
    command: Command, folder: Path
) -> None:
    done = command("keys", "create", "--name", "phone")
    key, newline = done.out[:-1], done.out[-1]
    assert (done.code, newline) == (0, "\n")
    assert well_formed(key)
    assert "it is shown only now" in done.err
    for arguments in (("keys", "list"), ("keys", "list", "--json"), ("keys", "show", "phone")):
        assert key not in command(*arguments).out
    for file in (folder / ".claude-gateway").rglob("*"):
        assert file.is_dir() or key.encode() not in file.read_bytes()


def test_a_key_for_a_program_is_one_object(command: Command) -> None:
    key = created(command)
    secret = key.pop("key")
    assert well_formed(secret)
    assert key == shown(command, "phone") == shown(command, key["id"])
    assert key["hint"] == f"{secret[:9]}…"
    assert (key["name"], key["status"], key["user"]) == ("phone", "active", None)
    assert key["scopes"] == ["chat", "read", "tools"]
    unsaid = ("models", "tools", "servers", "rpm", "budget", "expires_at", "revoked_at")
    assert [key[field] for field in unsaid] == [None] * len(unsaid)


def test_everything_that_is_said_of_a_key_is_kept(command: Command) -> None:
    key = created(
        command,
        *("--scopes", "read, admin", "--models", "haiku,claude-sonnet-*", "--tools", "read_file"),
        *("--servers", "files", "--profile", "ios"),
        *("--on-disconnect", "detach", "--rpm", "5", "--tpm", "6", "--max-concurrent", "7"),
        *("--budget", "2.5", "--expires", "90d"),
    )
    assert shown(command, "phone") == {name: part for name, part in key.items() if name != "key"}
    assert key["scopes"] == ["read", "admin"]
    assert key["models"] == ["claude-sonnet-*", "haiku"]
    assert (key["tools"], key["servers"]) == (["read_file"], ["files"])
    assert (key["profile"], key["on_disconnect"]) == ("ios", "detach")
    assert (key["rpm"], key["tpm"], key["max_concurrent"], key["budget"]) == (5, 6, 7, 2.5)
    ends = datetime.fromisoformat(key["expires_at"]).timestamp()
    assert ends == pytest.approx(time.time() + 90 * 86_400, abs=30)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("2999-01-31", "2999-01-31T00:00:00Z"),
        ("2999-01-31T12:00:00Z", "2999-01-31T12:00:00Z"),
        ("2999-01-31T12:00:00+02:00", "2999-01-31T10:00:00Z"),
        ("never", None),
    ],
)
def test_a_key_ends_when_it_is_said(command: Command, given: str, told: str | None) -> None:
    assert created(command, "--expires", given)["expires_at"] == told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--expires", "soon"), "expires must be a span such as 12h, 90d or 8w, a time such as"),
        (("--expires", "2020-01-31"), "expires must lie in the future, not at '2020-01-31'"),
        (("--expires", "0s"), "expires must lie in the future"),
        (("--expires", "999999w"), "expires must lie in the future"),
        (("--scopes", "chat,fly"), "scopes[1] must be one of chat, read, tools, mcp:manage, admin"),
        (("--scopes", ","), "scopes must have at least one entry"),
        (("--user", "bob"), "There is no user 'bob'"),
        (("--rpm", "0"), "rpm must be a whole number from 1"),
        (("--tpm", "many"), "'many' is not a valid integer"),
        (("--max-concurrent", "-1"), "max_concurrent must be a whole number from 1"),
        (("--budget", "-0.5"), "budget must be US dollars, from 0"),
        (("--budget", "nan"), "budget must be US dollars, from 0"),
        (("--on-disconnect", "wait"), "on_disconnect must be cancel or detach"),
        (("--name", " "), "name must not be blank"),
        (("--name", "x" * 101), "name must have at most 100 characters"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_its_name(
    command: Command, arguments: tuple[str, ...], told: str
) -> None:
    done = command("keys", "create", "--name", "phone", *arguments)
    assert done.code in (1, 2)
    assert told in " ".join(done.err.split())
    assert json.loads(command("keys", "list", "--json").out) == []


def test_a_rotated_key_has_another_secret_and_is_the_same(command: Command) -> None:
    old = created(command, "--rpm", "5")
    done = command("keys", "rotate", "phone", "--grace", "1h", "--json")
    new = json.loads(done.out)
    assert well_formed(new["key"])
    assert new["key"] != old["key"]
    for field in ("id", "name", "rpm", "created_at", "status"):
        assert new[field] == old[field]
    assert shown(command, "phone")["hint"] == new["hint"] != old["hint"]
    assert "must be a span" in command("keys", "rotate", "phone", "--grace", "soon").err


def test_a_revoked_key_stays_to_be_looked_at(command: Command) -> None:
    created(command)
    done = command("keys", "revoke", "phone")
    assert done.out.startswith("Revoked phone (key_")
    key = shown(command, "phone")
    assert (key["status"], key["revoked_at"] is None) == ("revoked", False)
    again = json.loads(command("keys", "revoke", "phone", "--json").out)
    assert again == key
    assert "cannot be rotated" in command("keys", "rotate", "phone").err


def test_keys_of_one_name_are_told_apart_by_their_ids(command: Command) -> None:
    first, second = created(command), created(command)
    done = command("keys", "revoke", "phone")
    assert done.code == 1
    assert first["id"] in done.err
    assert second["id"] in done.err
    command("keys", "revoke", first["id"])
    assert shown(command, "phone")["id"] == second["id"]  # the only one that opens anything
    assert "There is no key 'tablet'" in command("keys", "show", "tablet").err


def test_users_are_made_listed_disabled_and_enabled(command: Command) -> None:
    ada = json.loads(command("users", "create", "ada", "--json").out)
    assert (ada["name"], ada["status"]) == ("ada", "active")
    assert command("users", "create", "ada").code == 1
    assert "is there already" in command("users", "create", "owner").err
    users = json.loads(command("users", "list", "--json").out)
    assert [user["name"] for user in users] == ["ada", "owner"]
    for command_, status in (
        ("disable", "disabled"),
        ("disable", "disabled"),
        ("enable", "active"),
    ):
        assert json.loads(command("users", command_, "ada", "--json").out)["status"] == status
        assert json.loads(command("users", "show", ada["id"], "--json").out)["status"] == status
    assert "cannot be disabled" in command("users", "disable", "owner").err


def test_keys_are_listed_by_user(command: Command) -> None:
    ada = json.loads(command("users", "create", "ada", "--json").out)
    created(command, name="hers")
    assert created(command, "--user", "ada", name="laptop")["user"] == ada["id"]
    assert created(command, "--user", "owner", name="here")["user"] == "owner"
    for user in ("ada", ada["id"]):
        keys = json.loads(command("keys", "list", "--user", user, "--json").out)
        assert [key["name"] for key in keys] == ["laptop"]
    table = command("keys", "list").out.splitlines()
    assert table[0].split()[:4] == ["id", "name", "hint", "user"]
    assert [line.split()[1] for line in table[1:]] == ["here", "laptop", "hers"]


def test_without_a_store_there_are_no_keys(command: Command) -> None:
    done = command("keys", "list", GATEWAY_STORE="none")
    assert (done.code, "there is no store" in done.err) == (1, True)


def test_s10_a_gateway_for_the_network_starts_with_a_key_that_was_issued(command: Command) -> None:
    lan = {"GATEWAY_HOST": "0.0.0.0"}
    refused = command("check-config", **lan)
    assert (refused.code, "claude-gateway keys create" in refused.err) == (2, True)
    made = command("keys", "create", "--name", "phone", **lan)
    assert made.code == 0
    assert command("check-config", **lan).code == 0
    command("keys", "revoke", "phone")
    assert command("check-config", **lan).code == 2


def test_limits_of_a_user_are_kept_with_the_user(command: Command) -> None:
    done = command("users", "create", "ada", "--rpm", "5", "--json")
    ada = json.loads(done.out)
    assert (ada["rpm"], ada["tpm"], ada["max_concurrent"]) == (5, None, None)
    done = command("users", "set", "ada", "--tpm", "1000", "--max-concurrent", "2", "--json")
    assert json.loads(done.out) == ada | {"tpm": 1000, "max_concurrent": 2}
    done = command("users", "set", ada["id"], "--rpm", "0", "--json")
    assert json.loads(done.out)["rpm"] is None
    assert json.loads(command("users", "show", "ada", "--json").out)["tpm"] == 1000


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("set", "ada"), "say what to set"),
        (("set", "owner", "--rpm", "5"), "has no limits of their own"),
        (("set", "bob", "--rpm", "5"), "There is no user 'bob'"),
        (("set", "ada", "--tpm", "-1"), "tpm must be a whole number from 1"),
        (("create", "eve", "--max-concurrent", "-1"), "max_concurrent must be a whole number"),
    ],
    ids=str,
)
def test_limits_of_a_user_that_cannot_be_are_refused(
    command: Command, arguments: tuple[str, ...], told: str
) -> None:
    command("users", "create", "ada")
    done = command("users", *arguments)
    assert done.code in (1, 2)
    assert told in done.err
