"""Run the gateway, ask it in step, and print how much work that was.

    .venv/bin/python -m tests.work.measure            # figures, as JSON
    .venv/bin/python -m tests.work.measure --renew    # make them the ceilings that tests know

The event loop is asyncio's own, whose system calls can be seen; that changes nothing of the
gateway's work. Each figure is the least of some rounds: timers and the like only ever add to it.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TypeAlias

from tests.work.counting import Work
from tests.work.growth import TOLD
from tests.work.talking import DELTAS, KEY, TURNS, Talk, blocks

ROOT = Path(__file__).parent.parent.parent
CEILINGS = Path(__file__).parent / "ceilings.json"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
ROUNDS = 2
Figures: TypeAlias = dict[str, Any]


def counted(work: Work, times: int, doing: Callable[[], None]) -> Figures:
    """Return what was done each time."""
    work.clear()
    work.on = True
    doing()
    work.on = False

    def each(counter: Counter[str]) -> dict[str, float]:
        found = {name: round(count / times, 2) for name, count in sorted(counter.items())}
        return {name: count for name, count in found.items() if count >= 0.1}

    return {
        "calls": round(work.calls.total() / times, 2),
        "bytecodes": round(work.bytecodes.total() / times, 2),
        "foreign calls": round(work.foreign.total() / times, 2),
        "sends": round(work.sends / times, 2),
        "statements": round(work.statements / times, 2),
        "by function": {"calls": each(work.calls), "bytecodes": each(work.bytecodes),
                        "foreign calls": each(work.foreign)},
    }  # fmt: skip


def deltas(talk: Talk, *, kept: bool) -> Figures:
    """Return what one delta costs, and what of it is still held when the next comes."""
    found: Figures = {}

    def watched(move: Callable[[], None]) -> int:
        nonlocal found
        found = counted(talk.work, DELTAS, move)
        return 0

    def held(move: Callable[[], None]) -> int:
        gc.collect()
        before = blocks()
        move()
        gc.collect()
        return blocks() - before

    talk.deltas(watched, kept=kept)
    return {**found, "blocks held": round(talk.deltas(held, kept=kept) / DELTAS, 2)}


def rounds(talk: Talk, only: str | None) -> dict[str, Figures]:
    """Return the figures of all scenarios or of one, the least of each."""
    scenarios: dict[str, Callable[[], Figures]] = {
        "a chat": lambda: counted(talk.work, TURNS, talk.chats),
        "a delta": lambda: deltas(talk, kept=False),
        "a delta in a session": lambda: deltas(talk, kept=True),
        "a turn in a session": lambda: counted(talk.work, TURNS, talk.turns),
    }
    found = {}
    for name, scenario in scenarios.items():
        if only not in (None, name):
            continue
        scenario()  # what is made once is made now
        tries = [scenario() for _ in range(ROUNDS)]
        figures = [figure for figure in tries[0] if figure != "by function"]
        quietest = min(tries, key=lambda one: float(one["bytecodes"]))
        least = {figure: min(one[figure] for one in tries) for figure in figures}
        found[name] = {**quietest, **least}
    return found


def serve(folder: str, first: str | None, only: str | None) -> dict[str, Figures]:
    """Serve in this thread while another one asks; return what that found."""
    if first:
        runpy.run_path(first)
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # as where it is not installed
    from claude_gateway.cli import cli  # noqa: PLC0415  # behind what stands in its way

    work = Work(str(ROOT))
    found: dict[str, Figures] = {}
    port, listener = free_port(), socket.create_server(("127.0.0.1", 0))

    def ask() -> None:
        try:
            talk = Talk.begin(work, port, listener)
            found.update(rounds(talk, only))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    os.environ |= settings(folder, listener.getsockname()[1])
    asking = threading.Thread(target=ask)
    with work.watched(), redirect_stdout(Ready(asking.start)):
        cli(["serve", "--host", "127.0.0.1", "--port", str(port)], standalone_mode=False)
    asking.join()
    return found


def settings(folder: str, upstream: int) -> dict[str, str]:
    """Return the environment of the gateway: as it comes, with keys."""
    return {
        "ANTHROPIC_API_KEY": "sk-ant-work",
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{upstream}",
        "GATEWAY_MODELS_REFRESH": "0",
        "GATEWAY_AUTH": "required",
        "GATEWAY_API_KEYS": KEY,
        "GATEWAY_DATA_DIR": f"{folder}/data",
        "WORKSPACE_DIR": f"{folder}/workspace",
    }


class Ready(io.StringIO):
    """Takes what the gateway prints; its banner says that it listens."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._then = then

    def write(self, text: str) -> int:
        """Notice the banner."""
        if "listening on" in text:
            self._then()
        return super().write(text)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def measured(*options: str) -> dict[str, Figures]:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.work.measure", *options],
        cwd=ROOT, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, check=False,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    found: dict[str, Figures] = json.loads(done.stdout)
    return found


def renew() -> None:
    """Write the ceilings of this version of Python."""
    known = json.loads(CEILINGS.read_text()) if CEILINGS.exists() else {}
    known[VERSION] = {name: shortened(figures) for name, figures in measured().items()}
    CEILINGS.write_text(json.dumps(known, indent=1) + "\n", "utf-8")


def shortened(figures: Figures) -> Figures:
    """Return figures with those functions only that do the most."""
    most = {
        figure: dict(sorted(each.items(), key=lambda one: -one[1])[:TOLD])
        for figure, each in figures["by function"].items()
    }
    return {**figures, "by function": most}


def main() -> None:
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(prog="python -m tests.work.measure", description=__doc__)
    parser.add_argument("--renew", action="store_true", help="write the ceilings")
    parser.add_argument("--first", metavar="FILE", help="run this before anything else")
    parser.add_argument("--only", metavar="NAME", help="one scenario, as the ceilings call it")
    options = parser.parse_args()
    if options.renew:
        renew()
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        found = serve(folder, options.first, options.only)
        os.chdir(ROOT)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
