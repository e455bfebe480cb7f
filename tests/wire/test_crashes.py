"""kill -9 at random moments: what a client was told is true afterwards.

Short here; `CRASHES=200` makes it long. The seed of a failure is in its message.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Stream
from claude_gateway.testing.raw import Connection, ask, request
from claude_gateway.testing.wire import text_stream

CRASHES = int(os.environ.get("CRASHES", "4"))
CLIENTS = 12
PIECES = [f"piece {n} " for n in range(25)]
TEXT = "".join(PIECES)
PAUSE = 0.02  # seconds between two pieces: an answer takes half a second
LOST = 0.25 + 0.5  # seconds of frames that may be missing: the promise, and a slow machine's due


@dataclass
class Turn:
    """What a client knows of one turn."""

    session: str
    words: str
    run: str | None = None
    seen: bytes = field(default=b"", repr=False)
    times: list[tuple[float, int]] = field(
        default_factory=list, repr=False
    )  # when, how many frames

    @property
    def done(self) -> bool:
        return self.seen.endswith(b"data: [DONE]\n\n")

    @property
    def frames(self) -> int:
        return self.seen.count(b"\n\n")


async def talk(port: int, name: str, turns: list[Turn]) -> None:
    """Talk in one session for ever; the gateway's death ends it."""
    loop = asyncio.get_running_loop()
    for number in range(1000):
        turn = Turn(name, f"{name} says {number}")
        turns.append(turn)
        body = {
            "model": "sonnet",
            "stream": True,
            "session_id": name,
            "messages": [{"role": "user", "content": turn.words}],
        }
        async with Connection(port) as connection:
            await connection.send(request("POST", "/v1/chat/completions", body))
            turn.run = (await connection.head()).header("x-run-id")
            while not turn.done:
                turn.seen += (await connection.chunk()).replace(b": ping\n", b"")
                turn.times.append((loop.time(), turn.frames))


async def live_and_die(env: dict[str, str], prefix: str, wait: float) -> tuple[list[Turn], float]:
    turns: list[Turn] = []
    async with GatewayProcess(env) as gateway:
        clients = [
            asyncio.create_task(talk(gateway.port, f"{prefix}-{n}", turns)) for n in range(CLIENTS)
        ]
        await asyncio.sleep(wait)
        died = asyncio.get_running_loop().time()
        await gateway.kill()
        await asyncio.wait(clients)
        for client in clients:
            assert isinstance(client.exception(), EOFError | ConnectionError | OSError), client
    return turns, died


def answer_to(turn: Turn, listed: Any) -> str:
    """Return what is kept of the answer; what the user said must be there."""
    messages = listed["messages"]
    at = next(i for i, m in enumerate(messages) if m["content"] == turn.words)
    return str(messages[at + 1]["content"]) if at + 1 < len(messages) else ""


async def check(gateway: GatewayProcess, turn: Turn, died: float) -> None:
    """Compare what is kept with what the client saw."""

    async def get(path: str) -> Any:
        response = await ask(gateway.port, "GET", path)
        assert response.status == 200, (path, response.body)
        return response

    if turn.run is None:  # not a word was heard: whatever is kept is right
        return
    answer = answer_to(turn, (await get(f"/v1/sessions/{turn.session}/messages?limit=1000")).json)
    run = (await get(f"/v1/runs/{turn.run}")).json
    kept = (await get(f"/v1/runs/{turn.run}/events")).body
    if turn.done:
        assert run["status"] == "completed"
        assert answer == TEXT
        assert kept == turn.seen
        return
    assert run["status"] in ("interrupted", "completed")
    assert TEXT.startswith(answer)
    if run["status"] == "completed":
        assert kept.startswith(turn.seen)
        return
    told, _, end = kept.rpartition(b'data: {"type":"error"')
    told = told.rpartition(b"id: ")[0]
    assert turn.seen.startswith(told) or told.startswith(turn.seen)
    assert b'"code":"interrupted"' in end
    old = max((frames for when, frames in turn.times if when < died - LOST), default=0)
    assert told.count(b"\n\n") >= old, "more was lost than the last quarter of a second"
    rest = (await get(f"/v1/runs/{turn.run}/events?after={turn.frames}")).body
    assert rest.endswith(b"data: [DONE]\n\n")


def check_database(database: Path) -> None:
    """The file is sound, and every row has what it refers to."""
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not connection.execute("PRAGMA foreign_key_check").fetchall()


@pytest.mark.timeout(60 + 12 * CRASHES)
async def test_what_a_client_was_told_survives_kill_9(tmp_path: Path) -> None:
    seed = int(os.environ.get("CRASH_SEED", "0")) or random.randrange(1 << 30)
    chance = random.Random(seed)
    frames: list[bytes | float] = []
    for frame in text_stream(*PIECES):
        frames += [frame, PAUSE]
    done = interrupted = 0
    async with FakeAnthropic() as upstream:
        upstream.always(Stream(frames))
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-x",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_DATA_DIR": str(tmp_path / "data"),
        }
        for crash in range(CRASHES):
            turns, died = await live_and_die(env, f"c{crash}", chance.uniform(0.05, 2))
            upstream.reset()
            upstream.always(Stream(frames))
            async with GatewayProcess(env) as gateway:
                for turn in turns:
                    try:
                        await check(gateway, turn, died)
                    except (AssertionError, StopIteration) as exc:
                        raise AssertionError(f"seed {seed}, crash {crash}: {turn} {exc!r}") from exc
                stats = (await ask(gateway.port, "GET", "/v1/sessions/stats")).json
                assert stats["total_tokens"] >= 15 * sum(turn.done for turn in turns)
            done += sum(turn.done for turn in turns)
            interrupted += sum(turn.run is not None and not turn.done for turn in turns)
            check_database(tmp_path / "data" / "gateway.db")
    print(json.dumps({"crashes": CRASHES, "done": done, "interrupted": interrupted}))  # noqa: T201
    assert interrupted, "no kill met a turn: the test proves nothing"
