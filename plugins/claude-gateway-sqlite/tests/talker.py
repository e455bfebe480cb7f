"""A process that takes turns as fast as it can, and says what it was promised.

    python talker.py FOLDER [TALKERS]

Lines: `begun RUN SESSION`, `logged RUN LAST`, `ended RUN`; each is printed after the store has
confirmed it. The first line is `instance NAME`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway.testing.stores.samples import chunk, ended, session, starting


def say(*words: object) -> None:
    """One write for each line, so that none is cut in two."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def talk(store: SqliteStore, number: int) -> None:
    name = f"{store.instance}-{number}"
    for turn in count():
        id_ = f"{name}-{turn}"
        start = starting(id_, session_id=name, session=session(name), new_session=turn == 0)
        own = replace(start.run, instance=store.instance)
        begun = await store.begin_turn(replace(start, run=own, expected=turn * 2))
        say("begun", id_, name)
        for first in (1, 4):
            await store.append_events([chunk(id_, first, first + 2)])
            say("logged", id_, first + 2)
        await store.end_run(ended(begun, events=chunk(id_, 7, 9)))
        say("ended", id_)


async def main(folder: Path, talkers: int) -> None:
    async with open_store(folder) as store:
        say("instance", store.instance)
        await asyncio.gather(*(talk(store, number) for number in range(talkers)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20))
