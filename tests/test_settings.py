"""Settings are typed, read once, and all their mistakes are told together."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from claude_gateway import settings as parsers
from claude_gateway.defaults import settings as names
from claude_gateway.errors import SettingsError
from claude_gateway.settings import Setting, Settings
from claude_gateway.types.secrets import Secret

PORT = Setting("PORT", parsers.whole(0, 65535), 8000, "a port")
NAME = Setting("NAME", parsers.text, "nobody", "a name")
TOKEN = Setting("TOKEN", parsers.secret, Secret(""), "a token")
KEY = Setting("KEY", parsers.api_key, Secret(""), "a key")
NO_KEYS: tuple[Secret, ...] = ()
KEYS = Setting("KEYS", parsers.secrets, NO_KEYS, "some keys")
API_KEYS = Setting("API_KEYS", parsers.api_keys, NO_KEYS, "some keys")


@pytest.mark.parametrize(
    ("parse", "raw", "value"),
    [
        (parsers.text, "any thing ", "any thing "),
        (parsers.words, "a, b,,c ,", ("a", "b", "c")),
        (parsers.words, " , ", ()),
        (parsers.secret, "!~", Secret("!~")),
        (parsers.api_key, "sk-ant-x", Secret("sk-ant-x")),
        (parsers.secrets, "a, b", (Secret("a"), Secret("b"))),
        (parsers.api_keys, "sk-ant-a, sk-ant-b,sk-ant-a", (Secret("sk-ant-a"), Secret("sk-ant-b"))),
        (parsers.networks, "10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1/128"))),
        (parsers.networks, " , ", ()),
        (
            parsers.places,
            "10.0.0.1,fd00::/8,NAS.local,7up",
            (ip_network("10.0.0.1/32"), ip_network("fd00::/8"), "nas.local", "7up"),
        ),
        (parsers.path, "/a/b", Path("/a/b")),
        (parsers.path, "~/b", Path.home() / "b"),
        (parsers.whole(0, 5), "0", 0),
        (parsers.whole(0, 5), " 5 ", 5),
        (parsers.whole(-5, 5), "-5", -5),
        (parsers.seconds(0.5, 2), "0.5", 0.5),
        (parsers.seconds(0.5, 2), "2e0", 2.0),
        (parsers.one_of("a", "b"), "b", "b"),
    ],
)
def test_a_text_becomes_a_value(parse: Callable[[str], object], raw: str, value: object) -> None:
    assert parse(raw) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [(word, True) for word in ("1", "true", "YES", " On ")]
    + [(word, False) for word in ("0", "false", "No", "OFF")],
)
def test_yes_and_no_have_several_spellings(raw: str, value: object) -> None:
    assert parsers.flag(raw) is value


@pytest.mark.parametrize(
    ("parse", "raw", "why"),
    [
        (parsers.whole(1, 5), "0", "wants a whole number from 1 to 5, not '0'"),
        (parsers.whole(1, 5), "6", "from 1 to 5"),
        (parsers.whole(1, 5), "2.0", "from 1 to 5"),
        (parsers.whole(1, 5), "1_0", "from 1 to 5"),
        (parsers.whole(1, 5), "0x2", "from 1 to 5"),
        (parsers.whole(1, 10**30), "9" * 5000, "wants a whole number"),
        (parsers.whole(1, 5), "", "from 1 to 5"),
        (parsers.workers, "x", "wants a whole number from 0 to 64, or auto, not 'x'"),
        (parsers.workers, "65", "from 0 to 64, or auto"),
        (parsers.workers, "-1", "from 0 to 64, or auto"),
        (parsers.seconds(0.5, 2), "0.49", "wants seconds from 0.5 to 2, not '0.49'"),
        (parsers.seconds(0.5, 2), "2.01", "from 0.5 to 2"),
        (parsers.seconds(0.5, 2), "nan", "from 0.5 to 2"),
        (parsers.seconds(0.5, 2), "inf", "from 0.5 to 2"),
        (parsers.seconds(0.5, 2), "a second", "from 0.5 to 2"),
        (parsers.one_of("a", "b"), "c", "wants one of a, b, not 'c'"),
        (parsers.one_of("a", "b"), "A", "wants one of"),
        (parsers.flag, "maybe", "wants true or false, not 'maybe'"),
        (parsers.path, "a\0b", "NUL"),
        (parsers.secret, "a b", "characters that a key cannot have"),
        (parsers.secret, "a\x7f", "characters that a key cannot have"),
        (parsers.secret, "ключ", "characters that a key cannot have"),
        (parsers.secrets, "good,b\tad", "characters that a key cannot have"),
        (parsers.api_key, "sk-xyz", "begins with sk-ant-"),
        (parsers.api_key, "sk-ant-a b", "characters that a key cannot have"),
        (parsers.api_keys, "sk-ant-a,sk-xyz", "begins with sk-ant-"),
        (parsers.api_keys, " , ", "wants at least one key"),
        (
            parsers.networks,
            "10.0.0.0/8,10.0.0.1/8",
            "networks such as 10.0.0.0/8, not '10.0.0.1/8'",
        ),
        (parsers.networks, "nas.local", "wants networks"),
        (parsers.places, "10.0.0.300", "wants networks"),
        (parsers.places, "nas.local/24", "wants networks"),
        (parsers.places, "http://nas.local", "wants networks"),
        (parsers.places, "*.local", "wants names"),
    ],
)
def test_a_wrong_text_is_refused_with_what_is_wanted(
    parse: Callable[[str], object], raw: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        parse(raw)


@pytest.mark.parametrize("raw", ["*", "https://a.example", "http://a:1, app://b", "https://a,*"])
def test_origins_are_a_star_or_scheme_and_host(raw: str) -> None:
    assert parsers.origins(raw) == parsers.words(raw)


@pytest.mark.parametrize("raw", [",", "a.example", "https://a.example/", "https://", "null"])
def test_what_is_no_origin_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="wants"):
        parsers.origins(raw)


def test_a_setting_is_a_key_and_has_a_type() -> None:
    settings = Settings.read({"PORT": "80"}, (PORT, NAME))
    port: int = settings[PORT]
    name: str = settings[NAME]
    assert (port, name) == (80, "nobody")
    assert list(settings) == [PORT, NAME]


def test_a_setting_that_was_not_read_has_its_default() -> None:
    assert Settings.read({}, ())[PORT] == 8000


@pytest.mark.parametrize("raw", ["", " ", "\t\n"])
def test_present_but_empty_counts_as_not_set(raw: str) -> None:
    settings = Settings.read({"PORT": raw, "NAME": "me"}, (PORT, NAME))
    assert settings[PORT] == 8000
    assert settings.given(NAME)
    assert not settings.given(PORT)


def test_blanks_around_a_value_do_not_matter() -> None:
    assert Settings.read({"TOKEN": " abc\n"}, (TOKEN,))[TOKEN] == Secret("abc")


def test_all_mistakes_are_told_together_and_by_name() -> None:
    environment = {"PORT": "eighty", "KEY": "wrong", "NAME": "fine", "KEYS": "a\x01"}
    with pytest.raises(SettingsError) as caught:
        Settings.read(environment, (PORT, NAME, KEY, KEYS))
    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [
        "PORT",
        "KEY",
        "KEYS",
    ]
    assert str(caught.value) == "; ".join(caught.value.mistakes)


@pytest.mark.parametrize("raw", ["CANARY with blanks", "CANARY\x7f", "sk-ant-CANARY\x01"])
@pytest.mark.parametrize("key", [TOKEN, KEY, KEYS, API_KEYS])
def test_a_wrong_secret_is_not_repeated(key: Setting[object], raw: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({key.name: raw}, (key,))
    assert "CANARY" not in str(caught.value)


def test_what_a_parser_says_of_a_secret_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    def talkative(raw: str) -> Secret:
        raise ValueError(f"do not like {raw}")

    monkeypatch.setattr(parsers, "secret", talkative)
    key = Setting("TOKEN", talkative, Secret(""), "a token")
    with pytest.raises(SettingsError, match=r"^TOKEN: do not like \*\*\*$"):
        Settings.read({"TOKEN": "CANARY"}, (key,))


def test_settings_know_which_of_them_are_secret() -> None:
    assert [key.secret for key in (PORT, NAME)] == [False, False]
    assert [key.secret for key in (TOKEN, KEY, KEYS, API_KEYS)] == [True] * 4


def test_two_settings_of_one_name_are_two_keys() -> None:
    assert Setting("PORT", parsers.whole(0, 1), 0, "") != PORT
    assert len({PORT, NAME, PORT}) == 2


def test_the_gateways_own_settings_have_names_of_their_own_and_defaults_that_fit() -> None:
    settings = Settings.read({}, names.ALL)
    assert len({key.name for key in names.ALL}) == len(names.ALL)
    for key in names.ALL:
        assert key.help
        assert not settings.given(key)


def test_folders_are_in_the_home_folder_unless_somebody_sets_them() -> None:
    settings = Settings.read({}, names.ALL)
    for key in (names.GATEWAY_DATA_DIR, names.WORKSPACE_DIR):
        assert settings[key].is_relative_to(Path.home())


def test_the_home_of_nobody_is_a_mistake_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="WORKSPACE_DIR"):
        Settings.read({"WORKSPACE_DIR": "~no-such-user-here/x"}, (names.WORKSPACE_DIR,))


def test_variables_that_are_no_settings_are_there_for_files_that_name_them() -> None:
    assert Settings.read({"OTHER": "x"}, (PORT,)).environment["OTHER"] == "x"
    assert Settings({}, frozenset()).environment == {}
