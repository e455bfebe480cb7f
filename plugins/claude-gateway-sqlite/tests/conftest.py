"""Processes beside the test's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TALKER = Path(__file__).parent / "talker.py"


class Talkers:
    """Starts processes that take turns; all are gone when the test is over."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, folder: Path, talkers: int = 20) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(TALKER), str(folder), str(talkers)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.running.append(process)
        return process

    @staticmethod
    def heard(process: subprocess.Popen[bytes], lines: int) -> list[list[str]]:
        """Read so many lines, at least."""
        assert process.stdout is not None
        return [process.stdout.readline().decode().split() for _ in range(lines)]

    @staticmethod
    def kill(process: subprocess.Popen[bytes]) -> list[list[str]]:
        """Kill it where it stands, and return what else it had said."""
        process.kill()
        rest, _ = process.communicate()
        return [
            line.split() for line in rest.decode().splitlines(keepends=True) if line[-1] == "\n"
        ]


@pytest.fixture
def talkers() -> Iterator[Talkers]:
    made = Talkers()
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
            process.communicate()
