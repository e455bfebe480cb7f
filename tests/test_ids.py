"""Ids are random, long enough, and never given twice."""

from __future__ import annotations

import re

import pytest

from claude_gateway.ids import POOL, Ids


def test_a_request_has_96_bits_and_a_run_128() -> None:
    made = Ids()
    assert re.fullmatch(r"req_[0-9a-f]{24}", made.request())
    assert re.fullmatch(r"run_[0-9a-f]{32}", made.run())


def test_no_id_comes_twice_however_often_the_pool_is_filled() -> None:
    made = Ids()
    count = POOL  # some 14 pools
    assert len(
        {made.request()[4:] for _ in range(count)} | {made.run()[4:] for _ in range(count)}
    ) == (2 * count)


def test_two_makers_share_nothing() -> None:
    assert Ids().run() != Ids().run()


def test_every_byte_of_the_pool_is_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fills: list[int] = []

    def random(size: int) -> bytes:
        fills.append(size)
        return bytes(i % 251 for i in range(size))

    monkeypatch.setattr("os.urandom", random)
    made = Ids()
    said = "".join(made.run()[4:] for _ in range(POOL // 16))
    assert said == bytes(i % 251 for i in range(POOL)).hex()
    assert fills == [POOL]
    made.run()
    assert fills == [POOL, POOL]
