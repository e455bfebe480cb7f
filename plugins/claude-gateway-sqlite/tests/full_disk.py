"""A disk that is full, for real: run in a mount namespace of its own, prints what happened as JSON.

unshare --mount [--map-root-user] python full_disk.py FOLDER
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway import GatewayError, PluginError
from claude_gateway.testing.stores.samples import ADA, ended, message, session, starting

MANY = 2_000


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


async def fill(store: SqliteStore) -> tuple[int, str]:
    """Take turns until there is no room; return how many there were, and what was said then."""
    for number in range(MANY):
        said = replace(message("x" * 20_000), run_id=f"run_{number}")
        start = starting(f"run_{number}", session_id=f"s{number}")
        try:
            begun = await store.begin_turn(replace(start, messages=[said]))
            await store.end_run(ended(begun))
        except GatewayError as exc:
            return number, f"{exc.status} {exc.code}"
    return MANY, "never"


async def until_full(folder: Path) -> dict[str, object]:
    """Fill the disk, look at what is there, make room, go on."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    async with open_store(folder) as store:
        turns, said = await fill(store)
        kept = [len((await store.history(ADA, f"s{n}"))[1]) for n in range(turns)]
        stats = await store.session_stats(ADA)
        ballast.unlink()
        await store.create_session(session("after"))
        again = (await store.get_session(ADA, "after")).id
    async with open_store(folder) as store:
        reopened = (await store.session_stats(ADA)).total.runs
    return {
        "turns": turns,
        "said": said,
        "whole": kept == [2] * turns,
        "runs": [stats.total.runs - turns, reopened - turns],
        "again": again,
    }


async def read_only(folder: Path) -> str:
    async with open_store(folder):
        pass
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    try:
        async with open_store(folder):
            return "opened"
    except PluginError as exc:
        return str(exc)


def main(folder: Path) -> None:
    full, closed = folder / "full", folder / "closed"
    full.mkdir()
    closed.mkdir()
    mount(full, "size=4m")
    mount(closed, "size=4m")
    result = {"full": asyncio.run(until_full(full)), "closed": asyncio.run(read_only(closed))}
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
