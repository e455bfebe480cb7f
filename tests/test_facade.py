"""The facade is what it says, and loading it or asking for help is quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import claude_gateway

ROOT = Path(__file__).parent.parent
SLOW = ("aiohttp", "anthropic", "jsonschema", "mcp", "openai", "tenacity", "uvloop", "httptools")
LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded_by(code: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after running `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_every_name_of_the_facade_is_there_once() -> None:
    assert len(set(claude_gateway.__all__)) == len(claude_gateway.__all__)
    for name in claude_gateway.__all__:
        assert getattr(claude_gateway, name) is not None


def test_the_facade_has_no_name_that_it_does_not_tell() -> None:
    submodules = {path.stem for path in (ROOT / "claude_gateway").iterdir()}
    there = {name for name in vars(claude_gateway) if not name.startswith("_")}
    assert there - submodules == set(claude_gateway.__all__) - {"__version__"}


def test_the_names_are_in_order() -> None:
    names = claude_gateway.__all__
    constants = [name for name in names if name.isupper()]
    classes = [name for name in names if name[0].isupper() and not name.isupper()]
    others = [name for name in names if not name[0].isupper()]
    assert names == sorted(constants) + sorted(classes) + sorted(others)


def test_a_star_import_gives_the_facade() -> None:
    space: dict[str, object] = {}
    exec("from claude_gateway import *", space)
    assert set(space) - {"__builtins__"} == set(claude_gateway.__all__)


def test_loading_the_facade_loads_no_server_and_no_sdk() -> None:
    loaded = loaded_by("import claude_gateway")
    assert "claude_gateway" in loaded
    assert loaded.isdisjoint({*SLOW, "click", "orjson"})


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"], ["serve", "--help"], ["settings"]])
def test_looking_around_loads_no_server_and_no_sdk(arguments: list[str]) -> None:
    run = f"""
import sys
from claude_gateway.cli import main
sys.argv = ["claude-gateway", *{arguments}]
try:
    main()
except SystemExit as exc:
    assert not exc.code, exc.code
"""
    assert loaded_by(run).isdisjoint(SLOW)


def test_the_command_and_the_module_are_the_same() -> None:
    command = [str(Path(sys.executable).parent / "claude-gateway"), "--version"]
    module = [sys.executable, "-m", "claude_gateway", "--version"]
    said = [
        subprocess.run(c, capture_output=True, text=True, check=True) for c in (command, module)
    ]
    assert (
        said[0].stdout
        == said[1].stdout
        == f"claude-gateway, version {claude_gateway.__version__}\n"
    )
