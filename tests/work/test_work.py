"""Work, not time: the hot path may not grow unnoticed, however fast the machine is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.work.growth import grown
from tests.work.measure import CEILINGS, VERSION, Figures, measured

HERE = Path(__file__).parent
KNOWN: dict[str, dict[str, Figures]] = json.loads(CEILINGS.read_text())
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        VERSION not in KNOWN,
        reason=f"what bytecodes Python {VERSION} makes is another matter; --renew measures it",
    ),
]


@pytest.fixture(scope="module")
def found() -> dict[str, Figures]:
    return measured()


@pytest.mark.parametrize(
    "name", ["a chat", "a delta", "a delta in a session", "a turn in a session"]
)
def test_it_takes_no_more_work_than_it_did(name: str, found: dict[str, Figures]) -> None:
    growth = grown(name, found[name], KNOWN[VERSION][name])
    assert not growth, "\n\n".join(["", *growth])


def test_a_delta_is_one_write_and_nothing_of_it_stays(found: dict[str, Figures]) -> None:
    assert found["a delta"]["sends"] == found["a delta in a session"]["sends"] == 1
    assert found["a delta"]["blocks held"] < 0.2
    assert found["a delta"]["statements"] < 0.2  # what is booked now and then, of all that happens


def test_a_wrapper_around_each_write_is_found_and_named() -> None:
    slower = measured("--first", str(HERE / "slower.py"), "--only", "a delta")["a delta"]
    told = "\n".join(grown("a delta", slower, KNOWN[VERSION]["a delta"]))
    assert "a delta takes" in told
    assert "bytecodes" in told
    assert "slower.py:send_checked" in told
    assert "tests.work.measure --renew" in told


def test_what_is_less_or_hardly_more_is_no_growth() -> None:
    ceiling = {"calls": 100.0, "sends": 1.0, "by function": {"calls": {"f": 100.0}}}
    assert grown("x", {**ceiling, "calls": 109.0}, ceiling) == []
    assert grown("x", {**ceiling, "calls": 10.0}, ceiling) == []
    [told] = grown("x", {**ceiling, "sends": 2.0}, ceiling)
    assert told.startswith("x takes 2 sends; it took 1.")
    [told] = grown(
        "x", {"calls": 111.0, "sends": 1.0, "by function": {"calls": {"g": 11.0}}}, ceiling
    )
    assert "+11.00  g" in told
