"""What the threat model says is done has tests; what is shipped is what was locked."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
MODEL = (ROOT / "docs/threat-model.md").read_text("utf-8")
RULES = sorted(set(re.findall(r"\bS\d+\b", MODEL)), key=lambda rule: int(rule[1:]))
SECTIONS = MODEL.split("\n## ")[1:]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
SOURCES = sorted(
    path
    for folder in (ROOT / "claude_gateway", *ROOT.glob("plugins/*/claude_gateway_*"))
    for path in folder.rglob("*.py")
)
STATEMENT = re.compile(
    r"\s*(SELECT .* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|PRAGMA) ", re.DOTALL
)


@cache
def rules_with_tests() -> frozenset[str]:
    """The rules that have a test of their name."""
    files = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("plugins/*/tests/test_*.py")]
    found = re.compile(r"^ *(?:async )?def test_s(\d+)_", re.MULTILINE)
    return frozenset(f"S{n}" for path in files for n in found.findall(path.read_text("utf-8")))


def test_all_rules_are_in_the_threat_model() -> None:
    assert [f"S{number}" for number in range(1, 19)] == RULES


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_threat_model_has_a_test_of_its_name(rule: str) -> None:
    assert rule in rules_with_tests()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.split("\n", 1)[0])
def test_every_section_says_when_to_touch_it(section: str) -> None:
    assert section.rstrip().split("\n\n")[-1].startswith("Touch this when ")


def test_every_module_that_the_threat_model_names_is_there() -> None:
    named = re.findall(r"`([a-z_]+/[\w/]*(?:\.py)?|[a-z_]+\.py|claude-gateway-\w+)`", MODEL)
    assert len(named) > 20
    for name in named:
        places = (ROOT / name, ROOT / "claude_gateway" / name, ROOT / "plugins" / name)
        assert any(place.exists() for place in places), name


def test_reports_go_to_a_private_form_and_to_no_persons_address() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    assert "Report a vulnerability" in text
    assert "Supported versions" in text
    assert not re.search(r"\S@\S+\.|https?://", text)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_s1_no_module_puts_values_into_a_statement(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str(begin)), *_]):
                assert not STATEMENT.match(begin), ast.unparse(node)
            case ast.BinOp(left=ast.Constant(value=str(begin))):
                assert not STATEMENT.match(begin), ast.unparse(node)
            case _:
                pass


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_s13_every_locked_package_has_its_exact_version_and_its_hashes(lock: Path) -> None:
    text = re.sub(r"\s*\\\n\s*", " ", lock.read_text("utf-8"))
    lines = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    assert lines
    for line in lines:
        assert re.match(r"[\w.\[\]-]+==[\w.+!]+ ", line), line
        assert "--hash=sha256:" in line, line
        assert not re.search(r"://|--(extra-)?index-url|--trusted-host", line), line


def test_s13_nothing_is_installed_or_written_when_the_image_starts() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    run = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER 1000:1000$", run, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["claude-gateway"\]$', run, re.MULTILINE)
    assert not re.search(r"\bpip\b|\bcurl\b|\bwget\b", run)


def test_s14_aiohttp_is_one_that_bounds_trailers_and_parts() -> None:
    assert Version(version("aiohttp")) >= Version("3.13.4")


def test_s17_the_guide_recommends_tls_and_says_how_to_ask_for_padding() -> None:
    guide = (ROOT / "docs/security.md").read_text("utf-8")
    sizes = guide[guide.index("## Sizes of pieces") :]
    assert "TLS" in sizes
    assert "include_obfuscation" in sizes
    assert "not padded" in " ".join(sizes.split())
