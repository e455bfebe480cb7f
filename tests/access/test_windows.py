"""The last minute, by the second, against a list of everything that was ever counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from claude_gateway.access.windows import Window

STEPS = st.lists(st.tuples(st.floats(0, 40), st.integers(1, 9)), max_size=60)


@given(STEPS)
def test_nothing_of_the_last_minute_is_forgotten_and_nothing_of_two_minutes_is_kept(
    steps: list[tuple[float, int]],
) -> None:
    window, now, said = Window(), 1000.0, []
    for pause, amount in steps:
        now += pause
        window.add(amount, now)
        said.append((now, amount))
        used = window.used(now)
        assert used >= sum(n for then, n in said if then > now - 60)
        assert used <= sum(n for then, n in said if then > now - 62)


@given(STEPS, st.integers(1, 20), st.integers(1, 40))
def test_what_has_waited_as_long_as_it_was_told_fits(
    steps: list[tuple[float, int]], wanted: int, most: int
) -> None:
    window, now = Window(), 1000.0
    for pause, amount in steps:
        now += pause
        window.add(amount, now)
    wait = window.wait(wanted, most, now)
    assert 0 <= wait <= 62
    assert (wait == 0) == (window.used(now) + min(wanted, most) <= most)
    assert window.wait(wanted, most, now + wait) == 0


def test_what_was_guessed_too_high_is_given_back_where_it_was_counted() -> None:
    window = Window()
    window.add(100, 10.0)
    window.correct(-60, 10.0, 30.0)
    assert window.used(30.0) == 40
    assert window.used(72.0) == 0


def test_what_was_guessed_too_low_counts_from_now_on() -> None:
    window = Window()
    window.add(10, 10.0)
    window.correct(90, 10.0, 65.0)
    assert window.used(65.0) == 100
    assert window.used(80.0) == 90


def test_a_guess_of_another_minute_is_not_given_back_now() -> None:
    window = Window()
    window.add(100, 10.0)
    window.add(5, 100.0)
    window.correct(-60, 10.0, 100.0)
    assert window.used(100.0) == 5
