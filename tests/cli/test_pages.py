"""Pages made from the settings say what the settings are."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from claude_gateway import Secret, Setting, Settings
from claude_gateway.cli.pages import default, env_example, markdown
from claude_gateway.cli.start import known_settings, load_plugins
from claude_gateway.settings import whole

ROOT = Path(__file__).parents[2]
PORT = Setting("PORT", whole(0, 9), 8, "A port. " * 20, "Server")
KEY = Setting("KEY", Secret, Secret("CANARY"), "A key.", "Claude", "sk-xxx")
HOST = Setting("HOST", str, "here", "A host.", "Server")
EMPTY = Setting("EMPTY", str, "", "Nothing.", "Claude")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (5, "5"),
        (True, "true"),
        (False, "false"),
        (0.5, "0.5"),
        (30.0, "30"),
        (("a", "b"), "a,b"),
        ((), ""),
        (Path("~/x"), "~/x"),
        (Path(), ""),
        (Secret("CANARY"), ""),
    ],
    ids=repr,
)
def test_a_default_is_written_as_in_the_environment(value: object, text: str) -> None:
    assert default(Setting("X", str, value, "")) == text


def test_the_example_groups_wraps_and_comments_out() -> None:
    page = env_example([PORT, KEY, HOST])
    assert page.index("# --- Server ---") < page.index("# --- Claude ---")
    assert page.count("# --- Server ---") == 1
    assert page.index("#PORT=8\n") < page.index("#HOST=here\n") < page.index("#KEY=sk-xxx\n")
    assert all(len(line) <= 98 for line in page.splitlines())
    assert all(line.startswith("#") for line in page.splitlines() if line)
    assert page.endswith("\n")
    assert not page.endswith("\n\n")
    assert "CANARY" not in page


def test_the_table_has_a_row_for_each() -> None:
    page = markdown([KEY, HOST, EMPTY])
    assert "## Claude\n\n| name | default | meaning |\n" in page
    assert "| `KEY` |  | A key. |" in page
    assert "| `HOST` | `here` | A host. |" in page
    assert "| `EMPTY` |  | Nothing. |" in page
    assert "CANARY" not in page


def test_the_committed_example_is_current() -> None:
    known = known_settings(load_plugins({}))
    committed = (ROOT / ".env.example").read_text("utf-8")
    assert committed == env_example(known), "claude-gateway settings --format env > .env.example"


def test_the_committed_example_can_be_used_line_by_line() -> None:
    lines = re.findall(r"^#(\w+=.*)$", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE)
    values = dotenv_values(stream=io.StringIO("\n".join(lines)))
    known = known_settings(load_plugins({}))
    read = Settings.read({name: value or "" for name, value in values.items()}, known)
    assert {key.name for key in known} <= values.keys()
    defaults = Settings.read({}, known)
    assert all(read[key] == defaults[key] or key.example for key in known)
