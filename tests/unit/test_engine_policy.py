"""What follows from a look at the dashboard's server: a table."""

import pytest

from backend.domain.engine import (
    Again,
    Answered,
    EnginePolicy,
    Exited,
    GiveUp,
    Keep,
    Missed,
    Record,
    decide_engine,
    exit_words,
)

POLICY = EnginePolicy()
NEW = Record(started_at=0.0)
READY = Record(started_at=0.0, is_ready=True, healthy_since=10.0)


def ready(**facts: object) -> Record:
    return Record(**({"started_at": 0.0, "is_ready": True, "healthy_since": 10.0} | facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "seen", "at", "follows"),
    [
        # the first good answer makes it ready, whatever was missed before
        (NEW, Answered(), 10.0, Keep(READY)),
        (NEW, Missed(), 119.0, Keep(NEW)),
        (NEW, Missed(), 120.0, Again(0.5, 1, "The dashboard was not ready within 120 s.")),
        # misses in a row count, an answer forgives them
        (READY, Missed(), 12.0, Keep(ready(misses=1, healthy_since=None))),
        (ready(misses=2, healthy_since=None), Answered(), 13.0, Keep(ready(healthy_since=13.0))),
        (ready(misses=2), Missed(), 14.0, Again(0.5, 1, "The dashboard did not answer 3 checks in a row.")),
        # an exit is noticed as it is
        (NEW, Exited(2), 1.0, Again(0.5, 1, "The dashboard ended before it was ready (exit code 2).")),
        (READY, Exited(-9), 11.0, Again(0.5, 1, "The dashboard stopped unexpectedly (killed by SIGKILL).")),
        (READY, Exited(0), 11.0, Again(0.5, 1, "The dashboard stopped unexpectedly (exit code 0).")),
        # three restarts, with growing waits
        (ready(restarts=1), Exited(1), 11.0, Again(1.0, 2, "The dashboard stopped unexpectedly (exit code 1).")),
        (ready(restarts=2), Exited(1), 11.0, Again(2.0, 3, "The dashboard stopped unexpectedly (exit code 1).")),
        (
            ready(restarts=3),
            Exited(1),
            11.0,
            GiveUp("The dashboard stopped unexpectedly (exit code 1). It had been restarted 3 times."),
        ),
        # a healthy minute forgives them
        (ready(restarts=3), Answered(), 69.9, Keep(ready(restarts=3))),
        (ready(restarts=3), Answered(), 70.0, Keep(ready(restarts=0))),
    ],
)
def test_what_follows(record: Record, seen: Answered | Missed | Exited, at: float, follows: object) -> None:
    assert decide_engine(record, seen, at, POLICY) == follows


def test_a_miss_begins_the_healthy_minute_anew() -> None:
    record = ready(restarts=2)
    for at, seen in ((60.0, Missed()), (61.0, Answered()), (119.0, Answered())):
        kept = decide_engine(record, seen, at, POLICY)
        assert isinstance(kept, Keep)
        record = kept.record
    assert record.restarts == 2
    kept = decide_engine(record, Answered(), 121.0, POLICY)
    assert isinstance(kept, Keep)
    assert kept.record.restarts == 0


def test_without_waits_it_starts_again_at_once() -> None:
    assert decide_engine(NEW, Exited(1), 0.0, EnginePolicy(waits=())).wait_seconds == 0.0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "words"),
    [(None, "exit code unknown"), (3, "exit code 3"), (-15, "killed by SIGTERM"), (-99, "killed by signal 99")],
)
def test_how_a_process_ended_is_said_in_words(code: int | None, words: str) -> None:
    assert exit_words(code) == words
