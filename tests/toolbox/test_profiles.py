"""Sets of tools with a name: what the file may say, and what they let be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from claude_gateway.errors import SettingsError
from claude_gateway.toolbox.profiles import Profile, load
from tests.toolbox.conftest import Scripted, box, tool


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "profiles.toml"
    file.write_text(text, "utf-8")
    return file


def test_without_a_file_there_are_none() -> None:
    assert load(Path(), "SETTING") == {}


def test_profiles_are_read(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        [research]
        description = "Looking things up"
        servers = ["web*"]
        tools = ["search_*"]

        [all]
        """,
    )
    assert load(file, "SETTING") == {
        "research": Profile("research", "Looking things up", ("web*",), ("search_*",)),
        "all": Profile("all"),
    }


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("[", ["is not TOML: "]),
        ("x = 1", ["x: is no table; write it as [x]"]),
        ('["a b"]', ["[a b]: wants 1 to 64 letters"]),
        ("[a]\nserver = 1", ["[a]: knows no server"]),
        ("[a]\ndescription = 1", ["[a]: description must be a string"]),
        (
            "[a]\nservers = 'x'\n[b]\ntools = [1, '']",
            [
                '[a]: servers must be an array of patterns such as "read_*"',
                '[b]: tools must be an array of patterns such as "read_*"',
            ],
        ),
    ],
)
def test_every_mistake_is_told(tmp_path: Path, text: str, mistakes: list[str]) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as refusal:
        load(file, "SETTING")
    assert len(refusal.value.mistakes) == len(mistakes)
    for said, mistake in zip(refusal.value.mistakes, mistakes, strict=True):
        assert said.startswith(f"SETTING: {file}: {mistake}")


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "none", "SETTING")
    (tmp_path / "odd").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        load(tmp_path / "odd", "SETTING")


async def test_a_profile_lets_be_used_what_fits_its_patterns() -> None:
    toolbox = box(
        web1=Scripted([tool("search_all"), tool("post")]),
        web2=Scripted([tool("search")]),
        files=Scripted([tool("search_files")]),
    )

    async def allowed(**fields: tuple[str, ...]) -> list[str]:
        choice = Profile("p", "", **fields).choice
        return [entry.wire_name for entry in await toolbox.entries(choice)]

    assert len(await allowed()) == 4
    assert await allowed(servers=("web*",)) == ["web1__post", "web1__search_all", "web2__search"]
    assert await allowed(servers=("web*",), tools=("search_*",)) == ["web1__search_all"]
    assert await allowed(tools=("web?__*", "search_f*")) == [
        "files__search_files",
        "web1__post",
        "web1__search_all",
        "web2__search",
    ]
    assert await allowed(servers=()) == []
