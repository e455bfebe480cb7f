"""A secret shows itself only to those who say so."""

from __future__ import annotations

import json
import logging

import pytest

from claude_gateway import Credential, ModelRequest, Principal, Secret

KEY = Secret("sk-ant-CANARY")


@pytest.mark.parametrize("show", ["{}", "{!r}", "{!s}", "{0!a}", "%s", "%r"])
def test_printing_a_secret_hides_it(show: str) -> None:
    for shown in (show.format(KEY), show.format([KEY])) if "{" in show else (show % KEY,):
        assert "CANARY" not in shown
        assert "***" in shown


def test_an_empty_secret_is_false_and_looks_empty() -> None:
    assert not Secret("")
    assert repr(Secret("")) == "Secret('')"
    assert KEY


def test_only_reveal_gives_the_secret() -> None:
    assert KEY.reveal() == "sk-ant-CANARY"
    assert not hasattr(KEY, "__dict__")
    with pytest.raises(TypeError):
        json.dumps(KEY)


@pytest.mark.parametrize(
    ("candidate", "same"),
    [("sk-ant-CANARY", True), ("sk-ant-CANAR", False), ("", False), ("ключ", False)],
)
def test_s10_a_secret_is_compared_with_any_text(candidate: str, same: object) -> None:
    assert KEY.matches(candidate) is same
    assert (Secret(candidate) == KEY) is same


def test_a_secret_equals_no_plain_text() -> None:
    assert KEY != "sk-ant-CANARY"
    assert len({KEY, Secret("sk-ant-CANARY"), Secret("other")}) == 2


def test_values_that_hold_a_secret_do_not_print_it() -> None:
    held = [
        Principal("user_1", "Ada", KEY),
        ModelRequest("m", {}, upstream_key=KEY),
        Credential(KEY),
    ]
    assert "CANARY" not in repr(held)


def test_a_logged_secret_is_hidden(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").error("refused %s", KEY)
    assert caplog.messages == ["refused Secret('***')"]


def test_where_a_credential_came_from_is_found_out_when_somebody_asks() -> None:
    asked: list[str] = []

    def is_local() -> bool:
        asked.append("where")
        return True

    credential = Credential(KEY, is_local)
    assert asked == []
    assert credential.local
    assert asked == ["where"]
    assert not Credential(KEY).local
