"""Attempts and journal as one story."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.run import Attempt, JournalLine
from backend.domain.states import RunState
from backend.domain.timeline import timeline
from tests.fakes.runs import NOON


def line(minute: int, attempt: int | None = None, reason: str = "because") -> JournalLine:
    return JournalLine(NOON + timedelta(minutes=minute), RunState.RUNNING, RunState.RUNNING, reason, attempt)


def attempt(number: int, minute: int) -> Attempt:
    return Attempt(number, "t", NOON + timedelta(minutes=minute))


def test_lines_stand_with_the_attempt_they_name_or_the_latest_one() -> None:
    first, second = attempt(1, 10), attempt(2, 20)
    lines = [line(0), line(11), line(21, attempt=1), line(22), line(23, attempt=9)]
    before, one, two = timeline([first, second], lines)
    assert (before.attempt, before.lines) == (None, (lines[0],))
    assert (one.attempt, one.lines) == (first, (lines[1], lines[2]))
    assert (two.attempt, two.lines) == (second, (lines[3], lines[4]))
    assert (before.began_at, two.began_at) == (NOON, second.started_at)


def test_a_run_without_a_past_has_no_chapters() -> None:
    assert timeline([], []) == ()


@given(
    st.lists(st.integers(0, 100), max_size=6).map(sorted),
    st.lists(st.tuples(st.integers(0, 100), st.none() | st.integers(0, 9)), max_size=20),
)
def test_nothing_is_lost_and_nothing_is_told_twice(starts: list[int], lines: list[tuple[int, int | None]]) -> None:
    attempts = [attempt(number, minute) for number, minute in enumerate(starts, 1)]
    journal = [line(minute, number, str(place)) for place, (minute, number) in enumerate(lines)]
    chapters = timeline(attempts, journal)
    assert [one.attempt for one in chapters if one.attempt] == attempts
    assert sorted(told.reason for one in chapters for told in one.lines) == sorted(told.reason for told in journal)
