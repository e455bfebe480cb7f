"""Flags win over the environment, that over .env, and that over Claude Code's settings.json."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from claude_gateway.cli.environment import environment
from claude_gateway.errors import SettingsError

PACKAGE = Path(__file__).parents[2] / "claude_gateway"
KEY = "ANTHROPIC_API_KEY"


@pytest.fixture(autouse=True)
def elsewhere(folder: Path) -> None:
    """Every test here runs in a folder of its own."""


def claude_says(folder: Path, content: object) -> str:
    """Write settings.json; return the folder it is in."""
    (folder / ".claude").mkdir()
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / ".claude/settings.json").write_text(text, "utf-8")
    return str(folder / ".claude")


@pytest.mark.parametrize("sources", range(16))
def test_the_nearest_source_that_says_something_wins(folder: Path, sources: int) -> None:
    said: dict[str, str | None] = {}
    expected = None
    os.environ["CLAUDE_CONFIG_DIR"] = claude_says(
        folder, {"env": {KEY: "claude"}} if sources & 1 else {}
    )
    if sources & 1:
        expected = "claude"
    if sources & 2:
        (folder / ".env").write_text(f"{KEY}=dotenv\n")
        expected = "dotenv"
    if sources & 4:
        os.environ[KEY] = expected = "environment"
    said[KEY] = "flag" if sources & 8 else None
    assert environment(said).get(KEY) == ("flag" if sources & 8 else expected)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_variable_hides_nothing(folder: Path, empty: str) -> None:
    (folder / ".env").write_text("PORT=1\n")
    os.environ["PORT"] = empty
    assert environment({})["PORT"] == "1"


def test_a_dotenv_file_may_have_comments_quotes_and_names_without_a_value(folder: Path) -> None:
    (folder / ".env").write_text("# ü\nexport PORT='1'\nNOTHING\n\nNAME=\"a b\" # why\n", "utf-8")
    found = environment({})
    assert (found["PORT"], found["NAME"]) == ("1", "a b")
    assert "NOTHING" not in found


def test_without_any_file_the_environment_is_all(folder: Path) -> None:
    os.environ["CLAUDE_CONFIG_DIR"] = str(folder / "none")
    assert environment({"PORT": "1"}) == {**os.environ, "PORT": "1"}


def test_a_folder_called_dotenv_is_no_file(folder: Path) -> None:
    (folder / ".env").mkdir()
    assert "PORT" not in environment({})


@pytest.mark.parametrize("where", ["environment", "dotenv"])
def test_the_folder_of_claude_may_be_named_anywhere_and_from_home(folder: Path, where: str) -> None:
    claude_says(folder, {"env": {KEY: "claude"}})
    if where == "dotenv":
        (folder / ".env").write_text("CLAUDE_CONFIG_DIR=~/.claude\n")
    else:
        os.environ["CLAUDE_CONFIG_DIR"] = "~/.claude"
    assert environment({})[KEY] == "claude"


def test_of_claudes_settings_only_what_is_meant_for_a_server_is_taken(folder: Path) -> None:
    env = {
        KEY: "k",
        "ANTHROPIC_AUTH_TOKEN": "t",
        "ANTHROPIC_BASE_URL": "u",
        "PORT": "1",
        "GATEWAY_AUTH": "open",
    }
    os.environ["CLAUDE_CONFIG_DIR"] = claude_says(folder, {"env": env, "model": "x"})
    found = environment({})
    assert (found[KEY], found["ANTHROPIC_AUTH_TOKEN"], found["ANTHROPIC_BASE_URL"]) == (
        "k",
        "t",
        "u",
    )
    assert "PORT" not in found
    assert "GATEWAY_AUTH" not in found


@pytest.mark.parametrize("content", [[], {}, {"env": []}, {"env": {KEY: 5}}, "null"], ids=str)
def test_settings_of_claude_that_say_nothing_of_use_are_fine(folder: Path, content: object) -> None:
    os.environ["CLAUDE_CONFIG_DIR"] = claude_says(folder, content)
    assert KEY not in environment({})


def test_a_dotenv_file_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / ".env").write_bytes(b"PORT=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"^\.env cannot be read: "):
        environment({})


def test_a_path_that_is_none_is_a_mistake_too(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: .*too long"):
        environment({}, folder / ("x" * 300))


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_settings_of_claude_that_cannot_be_read_are_named(folder: Path, content: bytes) -> None:
    os.environ["CLAUDE_CONFIG_DIR"] = claude_says(folder, {})
    (folder / ".claude/settings.json").write_bytes(content)
    with pytest.raises(SettingsError, match=r"^CLAUDE_CONFIG_DIR: .*settings\.json cannot be read"):
        environment({})


@pytest.mark.parametrize("path", ["~no-such-user-here/x", "x" * 300])
def test_a_folder_of_claude_that_cannot_be_is_a_mistake(path: str) -> None:
    os.environ["CLAUDE_CONFIG_DIR"] = path
    with pytest.raises(SettingsError, match=r"^CLAUDE_CONFIG_DIR: "):
        environment({})


def test_the_environment_is_read_in_one_place_only() -> None:
    readers = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\benviron\b|\bgetenv\b", path.read_text("utf-8"))
        and not path.is_relative_to(PACKAGE / "testing")
    ]
    assert readers == ["cli/environment.py"]


def test_a_dotenv_file_with_a_line_that_cannot_be_read_is_a_mistake(folder: Path) -> None:
    (folder / ".env").write_text('PORT=1\nANTHROPIC_API_KEY="sk-ant-x\n')
    with pytest.raises(SettingsError, match="line 2 cannot be read; is a quote missing"):
        environment({})
