"""A silent stream gets a beat, a busy one none."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from claude_gateway.web.pulse import Pulse

SILENCE = 0.05


class Stream:
    """Counts its beats; `stuck` ones never end."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.last_write = time.monotonic()
        self.beats: list[float] = []
        self.beaten = asyncio.Event()
        self.stuck = stuck

    async def beat(self) -> None:
        self.beats.append(time.monotonic())
        self.beaten.set()
        if self.stuck:
            await asyncio.Event().wait()


async def beats(stream: Stream, number: int) -> None:
    """Wait for so many beats."""
    async with asyncio.timeout(2):
        while len(stream.beats) < number:
            stream.beaten.clear()
            await stream.beaten.wait()


async def test_a_silent_stream_is_never_silent_for_longer() -> None:
    pulse, stream = Pulse(SILENCE), Stream()
    began = stream.last_write
    async with pulse.running():
        pulse.watch(stream)
        await beats(stream, 4)
    for before, after in pairwise([began, *stream.beats]):
        assert SILENCE / 2 < after - before < SILENCE * 4  # a busy machine is late


async def test_a_busy_stream_gets_none_while_a_silent_one_does() -> None:
    pulse, busy, silent = Pulse(SILENCE), Stream(), Stream()
    busy.last_write = time.monotonic() + 60
    async with pulse.running():
        pulse.watch(busy)
        pulse.watch(silent)
        await beats(silent, 3)
    assert busy.beats == []


async def test_a_stream_that_is_forgotten_gets_none() -> None:
    pulse, gone, other = Pulse(SILENCE), Stream(), Stream()
    async with pulse.running():
        for stream in (gone, other):
            pulse.watch(stream)
        pulse.forget(gone)
        pulse.forget(gone)
        await beats(other, 2)
    assert gone.beats == []


async def test_a_stream_that_is_stuck_delays_no_other_and_not_the_end() -> None:
    pulse, stuck, other = Pulse(SILENCE), Stream(stuck=True), Stream()
    async with asyncio.timeout(2), pulse.running():
        pulse.watch(stuck)
        pulse.watch(other)
        await beats(other, 3)
    assert stuck.beats


@pytest.mark.parametrize(("silence", "step"), [(0.05, 0.0125), (2, 0.5), (12, 1), (15, 1)])
def test_the_beat_is_looked_for_often_enough(silence: float, step: float) -> None:
    assert Pulse(silence)._step == pytest.approx(step)
