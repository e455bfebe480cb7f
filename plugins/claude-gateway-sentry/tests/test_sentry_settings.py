"""Off without a DSN, and a mistake in it that tells nothing of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from claude_gateway_sentry import DSN

from claude_gateway import Settings
from claude_gateway.errors import SettingsError


def test_without_a_dsn_nothing_is_offered_and_nothing_is_loaded() -> None:
    code = """
import sys
from claude_gateway import Settings
from claude_gateway_sentry import DSN, plugin
assert not plugin.register_observers(Settings.read({}, (DSN,)))
print([name for name in sys.modules if name.startswith(("sentry_sdk", "urllib3"))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("raw", ["CANARY", "http://h/1", "http://CANARY@h/", "ftp://CANARY@h/1"])
def test_s11_a_mistake_in_the_dsn_names_the_variable_and_not_the_value(raw: str) -> None:
    with pytest.raises(SettingsError, match="SENTRY_DSN") as told:
        Settings.read({"SENTRY_DSN": raw}, (DSN,))
    assert "CANARY" not in str(told.value)
