"""`claude-gateway mock-check`."""

from __future__ import annotations

from pathlib import Path

from claude_gateway_mock.commands import mock_check
from click.testing import CliRunner


def test_a_file_of_rules_is_found_to_be_fine(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text('[{"match": "^ping$", "steps": [{"text": "pong"}]}]')
    result = CliRunner().invoke(mock_check, [str(file)])
    assert result.exit_code == 0
    assert "1 rules, all fine" in result.output


def test_a_wrong_rule_is_named_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text('[{"match": "(", "steps": []}]')
    result = CliRunner().invoke(mock_check, [str(file)])
    assert result.exit_code == 2
    assert str(file) in result.output
    assert isinstance(result.exception, SystemExit)
