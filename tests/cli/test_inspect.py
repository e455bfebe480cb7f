"""Looking at plugins and settings, without serving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Site

ROOT = Path(__file__).parents[2]
PLUGIN = """
class Plugin:
    @hookimpl
    def register_settings(self):
        return [Setting("SPEED", int, 5, "How fast.", "Mine")]

    @hookimpl
    def register_model_backends(self, settings):
        raise RuntimeError("nothing is asked for when one only looks")

plugin = Plugin()
"""


def test_plugins_are_listed_with_their_origin_and_hooks(site: Site, command: Command) -> None:
    site.install("fast", PLUGIN)
    site.install("slow")
    done = command("plugins", GATEWAY_PLUGINS_BLOCK="slow")
    assert done.code == 0
    assert "defaults  built in  loaded\n" in done.out
    assert (
        "fast  gateway-fast 1.2  loaded\n    register_model_backends\n    register_settings\n"
        in done.out
    )
    assert done.out.endswith("slow  gateway-slow 1.2  blocked\n")


def test_plugins_are_listed_as_json(site: Site, command: Command) -> None:
    site.install("fast", PLUGIN)
    built_in, fast = json.loads(command("plugins", "--json").out)
    assert fast == {
        "name": "fast",
        "distribution": "gateway-fast",
        "version": "1.2",
        "hooks": ["register_model_backends", "register_settings"],
        "status": "loaded",
    }
    assert built_in["name"] == "defaults"


def test_settings_of_plugins_are_among_the_settings(site: Site, command: Command) -> None:
    site.install("fast", PLUGIN)
    assert "# --- Mine ---\n\n# How fast.\n#SPEED=5\n" in command("settings").out
    assert "| `SPEED` | `5` | How fast. |" in command("settings", "--format", "markdown").out


def test_the_page_is_the_committed_one(command: Command) -> None:
    assert command("settings", "--format", "env").out == (ROOT / ".env.example").read_text("utf-8")


def test_a_good_configuration_is_shown_without_its_secrets(command: Command, folder: Path) -> None:
    done = command(
        "check-config",
        PORT="1",
        ANTHROPIC_API_KEY="sk-ant-CANARY",
        GATEWAY_API_KEYS="gw-CANARY,gw-CANARY-2",
    )
    assert done.code == 0
    assert "PORT = 1\n" in done.out
    assert "ANTHROPIC_API_KEY = ***\n" in done.out
    assert "GATEWAY_API_KEYS = " in done.out
    assert "GATEWAY_HOST" not in done.out
    assert done.out.splitlines()[-1].startswith("The settings are fine; ")
    assert "CANARY" not in done.out + done.err


def test_checking_makes_the_folders_in_the_home_folder(command: Command, folder: Path) -> None:
    assert command("check-config").code == 0
    assert (folder / ".claude-gateway/data").is_dir()
    assert (folder / ".claude-gateway/workspace").is_dir()
    assert not (folder / "~").exists()
    assert list((folder / ".claude-gateway/data").iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PORT": "x"}, "PORT: wants a whole number"),
        ({"GATEWAY_DATA_DIR": "/dev/null/x"}, "GATEWAY_DATA_DIR: /dev/null/x cannot be written to"),
        ({"GATEWAY_HOST": "0.0.0.0"}, "set GATEWAY_API_KEYS"),
    ],
    ids=["wrong", "folder", "together"],
)
def test_a_bad_one_is_told_and_exits_with_2(
    command: Command, environment: dict[str, str], said: str
) -> None:
    done = command("check-config", **environment)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_table_of_models_is_looked_at_too(command: Command, folder: Path) -> None:
    (folder / "models.toml").write_text("[[models]]\nid = 'm'\nsize = 1\nvision = 2")
    done = command("check-config", GATEWAY_MODELS_FILE="models.toml")
    assert (done.code, done.out) == (2, "")
    assert "GATEWAY_MODELS_FILE: models.toml: m: size: there is no such field" in done.err
    assert len(done.err.splitlines()) == 2


def test_every_mistake_has_a_line(command: Command) -> None:
    done = command("check-config", PORT="x", DEBUG="y")
    assert [line.split(":")[1].strip() for line in done.err.splitlines()] == ["PORT", "DEBUG"]
