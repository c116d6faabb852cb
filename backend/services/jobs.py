"""Jobs: questions that take longer than a page may take, answered beside it, with progress and an end on request."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from enum import StrEnum
from typing import Any

from backend.errors import Explanation, StudioError

MAX_KEPT = 64  # answers that nobody has asked for lately go first
Key = tuple[Hashable, ...]


class JobState(StrEnum):
    """Where a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobCancelled(Exception):
    """Nobody wants the answer any more; ends the work, and is no error."""


class JobFailed(StudioError):
    """A job that ended in a way nobody foresaw."""

    id = "job-failed"
    what = "The work was not done: {title}."
    why = "The program met a condition that it does not know ({kind})."
    fix = "Try again; look into the log of the dashboard, and report it with the id and the time."


class Job:
    """One piece of work; `share` runs from 0 to 1 where that is known. Safe from any thread."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.said = ""
        self.share: float | None = None
        self.state = JobState.RUNNING
        self.answer: Any = None
        self.error: Explanation | None = None
        self._is_cancelled = threading.Event()
        self._is_over = threading.Event()

    @property
    def is_running(self) -> bool:
        """Whether an answer may still come."""
        return self.state is JobState.RUNNING

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to end."""
        return self._is_cancelled.is_set()

    def tell(self, said: str, share: float | None = None) -> None:
        """For the work: how far it is. Raises JobCancelled if it is not wanted any more."""
        self.check()
        self.said, self.share = said, share

    def check(self) -> None:
        """For the work: raises JobCancelled if it is not wanted any more."""
        if self.is_cancelled:
            raise JobCancelled

    def cancel(self) -> None:
        """Ask it to end; it does so at its next word."""
        self._is_cancelled.set()

    def wait(self, seconds: float) -> bool:
        """Whether it is over within so many seconds."""
        return self._is_over.wait(seconds)

    def run(self, work: Callable[["Job"], object]) -> None:
        """Do the work, on this thread."""
        try:
            self.check()  # it may have waited for its place
            self.answer = work(self)
            self.state = JobState.DONE
        except JobCancelled:
            self.state = JobState.CANCELLED
        except StudioError as error:
            self.error, self.state = error.explain(), JobState.FAILED
        except Exception as error:  # the outermost frame of a thread
            logging.getLogger(__name__).exception("the job %r failed", self.title)
            self.error = JobFailed(title=self.title, kind=type(error).__name__).explain()
            self.state = JobState.FAILED
        finally:
            self._is_over.set()


class Jobs:
    """One job for each key, however many ask; at most `max_at_once` work at the same time, the others wait."""

    def __init__(self, max_at_once: int = 2) -> None:
        self._jobs: OrderedDict[Key, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._places = threading.Semaphore(max_at_once)

    def start(self, key: Key, title: str, work: Callable[[Job], object]) -> Job:
        """The job of this key: the one there is if it has an answer, or will have one, else a new one."""
        with self._lock:
            known = self._jobs.get(key)
            is_wanted = known is not None and known.is_running and not known.is_cancelled
            if known is not None and (is_wanted or known.state is JobState.DONE):
                self._jobs.move_to_end(key)
                return known
            job = Job(title)
            self._jobs[key] = job
            self._jobs.move_to_end(key)
            self._forget_old()
        threading.Thread(target=self._run, args=(job, work), name=f"job-{key[0]}", daemon=True).start()
        return job

    def of(self, key: Key) -> Job | None:
        """The job of a key, over or not."""
        with self._lock:
            return self._jobs.get(key)

    def forget(self, key: Key) -> None:
        """Have the next who asks work again; a running one is ended."""
        with self._lock:
            job = self._jobs.pop(key, None)
        if job is not None:
            job.cancel()

    def running(self, first: Hashable = None) -> Sequence[tuple[Key, Job]]:
        """The jobs that run, oldest first; only those whose key begins with `first`, if it is given."""
        with self._lock:
            jobs = list(self._jobs.items())
        return [(key, job) for key, job in jobs if job.is_running and (first is None or key[0] == first)]

    def answers(self, first: Hashable) -> Sequence[tuple[Key, Any]]:
        """What jobs have answered whose key begins with `first`, newest first."""
        with self._lock:
            jobs = list(self._jobs.items())
        return [(key, job.answer) for key, job in reversed(jobs) if key[0] == first and job.state is JobState.DONE]

    def close(self) -> None:
        """Ask all of them to end."""
        for _, job in self.running():
            job.cancel()

    def _run(self, job: Job, work: Callable[[Job], object]) -> None:
        with self._places:
            job.run(work)

    def _forget_old(self) -> None:
        over = [key for key, job in self._jobs.items() if not job.is_running]
        for key in over[: max(0, len(self._jobs) - MAX_KEPT)]:
            del self._jobs[key]
