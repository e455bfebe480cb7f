"""Values: cheap to make, and nobody changes them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from claude_gateway import Replay, Usage
from claude_gateway.testing.stores.samples import run, session
from claude_gateway.types.values import replaced

ROOT = Path(__file__).parent.parent


def test_a_value_is_what_is_in_it() -> None:
    assert Usage(1, 2) == Usage(1, 2) != Usage(1, 3)
    assert hash(Usage(1, 2)) == hash(Usage(1, 2))
    with pytest.raises(AttributeError):
        Usage().colour = "red"  # type: ignore[attr-defined]


def test_what_is_replaced_is_another_value_with_the_rest_as_it_was() -> None:
    old = run()
    new = replaced(old, status="failed", cost=Decimal(1))
    assert new == replace(old, status="failed", cost=Decimal(1))
    assert (old.status, old.cost) == ("running", None)
    assert replaced(session(), title="new").title == "new"
    with pytest.raises(AttributeError):
        replaced(old, colour="red")


def test_type_checkers_refuse_to_change_one(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from claude_gateway import Replay\n"
        'one = Replay("key", "digest", "run", "run_1", 1.0)\n'
        'one.key = "another"\n'
    )
    assert Replay("key", "digest", "run", "run_1", 1.0).key == "key"
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "setup.cfg"), str(wrong)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 'Property "key" defined in "Replay" is read-only' in checked.stdout
