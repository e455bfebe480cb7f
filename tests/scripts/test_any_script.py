"""What is true of every script that talks to a running gateway."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.scripts.running import ROOT, SCRIPTS, run, script

NAMES = sorted(path.name for path in SCRIPTS.glob("*.sh") if path.name != "requests.sh")
pytestmark = pytest.mark.parametrize("name", NAMES)


async def test_it_explains_itself(name: str) -> None:
    helped = await script(name, "--help")
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout.startswith(f"Usage: scripts/{name} ")
    assert re.search(r"^  BASE_URL .*http://localhost:8000", helped.stdout, re.MULTILINE)
    assert re.search(r"^  API_KEY ", helped.stdout, re.MULTILINE)


async def test_a_wrong_argument_is_refused_with_the_usage(name: str) -> None:
    wrong = await script(name, "--force")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Usage:" in wrong.stderr


async def test_without_a_gateway_it_says_what_to_do(name: str) -> None:
    done = await script(name, BASE_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "make run" in done.stderr


async def test_without_its_programs_it_says_how_to_get_them(name: str, tmp_path: Path) -> None:
    for program in ("bash", "cat", "dirname"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    done = await script(name, PATH=str(tmp_path))
    assert done.returncode == 3
    assert re.search(r"needed and was not found.*apt-get install", done.stderr, re.DOTALL)


async def test_a_key_of_two_lines_is_refused_before_anything_is_sent(name: str) -> None:
    done = await script(name, API_KEY='x"\nurl = "http://127.0.0.1:9')
    assert done.returncode == 2
    assert "API_KEY must be one line" in done.stderr
    assert "127.0.0.1" not in done.stderr


async def test_it_can_be_started_from_anywhere(name: str, tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(SCRIPTS)
    moved = f"cd {tmp_path}/here && bash {name} --help"
    assert (await run("bash", "-c", moved)).returncode == 0
    assert os.access(ROOT / "scripts" / name, os.X_OK)


async def test_the_page_about_scripts_names_it(name: str) -> None:
    assert f"scripts/{name}" in (ROOT / "docs/scripts.md").read_text(encoding="utf-8")
