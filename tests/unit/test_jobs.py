"""Jobs: one for a key, with progress, an end on request, and errors as sentences."""

import threading

import pytest

from backend.services.dataset_errors import DatasetNotLoaded
from backend.services.jobs import MAX_KEPT, Job, JobCancelled, Jobs, JobState

PATIENCE_SECONDS = 60.0


def over(job: Job) -> Job:
    assert job.wait(PATIENCE_SECONDS)
    return job


def test_the_answer_is_kept_for_all_who_ask() -> None:
    jobs, calls = Jobs(), []
    first = over(jobs.start(("a",), "Counting", lambda _: calls.append(1) or 7))
    assert (first.answer, first.state) == (7, JobState.DONE)
    assert jobs.start(("a",), "Counting", lambda _: 8) is first
    assert calls == [1]
    jobs.forget(("a",))
    assert over(jobs.start(("a",), "Counting", lambda _: 8)).answer == 8


def test_a_job_tells_how_far_it_is_and_ends_when_nobody_wants_it() -> None:
    jobs, told = Jobs(), threading.Event()

    def work(job: Job) -> None:
        while True:
            job.tell("half", 0.5)
            told.set()

    job = jobs.start(("a",), "Work", work)
    assert told.wait(PATIENCE_SECONDS)
    assert (job.said, job.share, job.is_running) == ("half", 0.5, True)
    assert [key for key, _ in jobs.running("a")] == [("a",)]
    assert jobs.running("b") == []
    job.cancel()
    assert over(job).state is JobState.CANCELLED
    assert job.error is None


def test_errors_are_told_and_the_next_who_asks_tries_again() -> None:
    jobs = Jobs()

    def refuse(_job: Job) -> None:
        raise DatasetNotLoaded(path="x")

    failed = over(jobs.start(("a",), "Work", refuse))
    assert failed.error is not None
    assert (failed.state, failed.error.id) == (JobState.FAILED, "dataset-not-loaded")
    assert over(jobs.start(("a",), "Work", lambda _: 1)).answer == 1


def test_a_mistake_of_ours_is_an_error_with_an_id(caplog: pytest.LogCaptureFixture) -> None:
    job = over(Jobs().start(("a",), "Dividing", lambda _: 1 // 0))
    assert job.error is not None
    assert (job.error.id, "ZeroDivisionError" in job.error.why) == ("job-failed", True)


def test_not_too_many_work_at_once() -> None:
    jobs, begun, go_on = Jobs(max_at_once=1), [], threading.Event()

    def work(name: str) -> None:
        begun.append(name)
        assert go_on.wait(PATIENCE_SECONDS)

    first = jobs.start(("a",), "A", lambda _: work("a"))
    second = jobs.start(("b",), "B", lambda _: work("b"))
    assert not second.wait(0.05)
    assert len(begun) <= 1
    go_on.set()
    over(first)
    over(second)
    assert sorted(begun) == ["a", "b"]


def test_old_answers_are_forgotten() -> None:
    jobs = Jobs()
    for number in range(MAX_KEPT + 5):
        over(jobs.start((number,), "Work", lambda _: 1))
    assert jobs.of((0,)) is None
    assert jobs.of((MAX_KEPT + 4,)) is not None


def test_closing_ends_what_runs() -> None:
    jobs = Jobs()

    def work(job: Job) -> None:
        while True:
            job.check()

    job = jobs.start(("a",), "Work", work)
    jobs.close()
    assert over(job).state is JobState.CANCELLED
    with pytest.raises(JobCancelled):
        job.tell("more")


def test_what_is_cancelled_while_it_waits_for_its_place_is_never_begun() -> None:
    jobs, go_on, begun = Jobs(max_at_once=1), threading.Event(), threading.Event()

    def work(_job: Job) -> None:
        begun.set()
        go_on.wait(PATIENCE_SECONDS)

    first = jobs.start(("a",), "Work", work)
    assert begun.wait(PATIENCE_SECONDS)
    second = jobs.start(("b",), "Work", lambda _: pytest.fail("it was begun"))
    second.cancel()
    go_on.set()
    assert (over(first).state, over(second).state) == (JobState.DONE, JobState.CANCELLED)


def test_who_asks_again_after_an_end_on_request_gets_a_job_that_goes_on() -> None:
    jobs, go_on, begun = Jobs(), threading.Event(), threading.Event()

    def work(job: Job) -> None:
        begun.set()
        go_on.wait(PATIENCE_SECONDS)
        job.check()

    first = jobs.start(("a",), "Work", work)
    assert begun.wait(PATIENCE_SECONDS)
    first.cancel()
    second = jobs.start(("a",), "Work", work)
    assert second is not first
    assert jobs.start(("a",), "Work", work) is second
    go_on.set()
    assert (over(first).state, over(second).state) == (JobState.CANCELLED, JobState.DONE)
