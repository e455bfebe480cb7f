"""The command line in this process: an empty folder, and no environment but the test's own."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from claude_gateway.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Command(Protocol):
    def __call__(self, *arguments: str, **environment: str) -> Done: ...


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs; also its home, and all that its environment says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path)})
    return tmp_path


@pytest.fixture
def command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Command:
    """Run `claude-gateway`; what it prints, and with which code it ends."""

    def command(*arguments: str, **environment: str) -> Done:
        monkeypatch.setattr(os, "environ", {"HOME": str(folder), **environment})
        monkeypatch.setattr(sys, "argv", ["claude-gateway", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as exc:
            code = exc.code
        out, err = capfdbinary.readouterr()
        assert isinstance(code, int)
        return Done(code, out.decode(), err.decode())

    return command


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `serve` changes for the whole process is put back."""
    loggers = [logging.getLogger(name) for name in ("", "asyncio", "aiohttp")]
    for name in ("logThreads", "logProcesses", "logMultiprocessing"):
        monkeypatch.setattr(logging, name, True)
    levels = [logger.level for logger in loggers]
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
