"""The outside world as the services see it; adapters live in store, executors, probes and event_files."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from backend.domain.adjustments import Adjustment
from backend.domain.clock import Clock as Clock  # noqa: PLC0414 - also known from here; a module of its own costs no import
from backend.domain.heartbeat import Heartbeat
from backend.domain.places import Places
from backend.domain.run import JournalLine, ProcessIdentity, Run
from backend.domain.states import Liveness, Wish
from backend.domain.transition import Arrangement, Requeueing, Transition


@dataclass(frozen=True, slots=True)
class KeptText:
    """A text that was kept under a key, and when (UTC)."""

    key: str
    text: str
    saved_at: datetime


class DraftStore(Protocol):
    """Texts that a browser session wants back after a reload or a restart of the server."""

    def save_draft(self, key: str, text: str) -> None:
        """Keep a JSON text under a key until it is replaced."""

    def load_draft(self, key: str) -> str | None:
        """The text kept under a key, or None."""

    def list_drafts(self, prefix: str) -> Sequence[KeptText]:
        """All texts whose keys begin with a prefix, the newest first."""

    def delete_draft(self, key: str) -> None:
        """Forget the text of a key; nothing happens if there is none."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run and its journal, as its own directory keeps them."""

    run: Run
    journal: tuple[JournalLine, ...] = ()


class RunRecords(Protocol):
    """Runs as their directories tell them, for a store that was lost."""

    def read(self, folder: Path) -> RunRecord:
        """The run whose folder this is, with `run_dir` set to it. Raises StorageError if it tells of none."""


class RunStore(DraftStore, Protocol):
    """Runs, attempts, journal, notes, tags and drafts.

    Every method is one transaction, safe from any thread or process.
    """

    def create(self, run: Run) -> None:
        """Add a run. Raises RunExists if its id is taken."""

    def get(self, run_id: str) -> Run:
        """One run with its attempts. Raises RunNotFound."""

    def list(self) -> Sequence[Run]:
        """All runs, newest first, with their attempts (three queries, whatever the number of runs)."""

    def unsettled(self) -> Sequence[Run]:
        """Only the runs with `needs_supervisor`, without reading the others; newest first."""

    def version(self) -> int:
        """Another number whenever anything about a run changed, whoever wrote it; costs microseconds.

        Drafts do not change it: they concern one browser session only.
        """

    def journal(self, run_id: str) -> Sequence[JournalLine]:
        """What happened to a run, oldest first. Raises RunNotFound."""

    def set_wish(self, run_id: str, wish: Wish, reason: str, *, keeps_slot: bool = False) -> Run:
        """Record what a person asked for, with a journal line, and whether a paused run holds on to its slots."""

    def claim(self, run_id: str, supervisor: ProcessIdentity) -> Run:
        """Make this supervisor the run's one writer: fence + 1. Older fences can no longer write."""

    def apply(self, transition: Transition) -> Run:
        """Compare-and-set of state, attempt and journal. Raises StaleTransition, IllegalTransition."""

    def slots(self) -> Mapping[str, str]:
        """The run that has each place on a device."""

    def arrange(self, version: int, arrangement: Arrangement) -> bool:
        """All of an arrangement, in one transaction; False, and nothing, if runs have changed since `version`.

        Raises RunNotFound, StaleTransition, IllegalTransition, and makes no change, for what does not fit.
        """

    def requeue(self, requeueings: Sequence[Requeueing]) -> None:
        """Change the places of runs in the queue, all in one transaction. Raises RunNotFound."""

    def remark(self, run_id: str, fence: int, reason: str, process: ProcessIdentity | None = None) -> Run:
        """Add a journal line without changing the state; `process` records the latest attempt's process.

        Raises StaleTransition if `fence` is not the newest.
        """

    def annotate(
        self,
        run_id: str,
        *,
        name: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Run:
        """Change what a person wrote about a run."""

    def delete(self, run_id: str) -> None:
        """Forget a run (its folder is the caller's). Raises RunNotFound."""

    def restore(self, run: Run, journal: Sequence[JournalLine]) -> None:
        """Insert or replace a run with attempts and journal, as read from a run directory (reindex)."""

    def close(self) -> None:
        """Release every connection."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start: argument list (never a shell line), folder, environment, log file, lock to hold.

    The process inherits an open, exclusively locked file description of `lock`, so that the lock is held
    exactly as long as it or a child of it lives, from before its first instruction.
    """

    argv: tuple[str, ...]
    cwd: Path
    log: Path
    lock: Path
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: its code, negative for a signal, None when nobody could know."""

    code: int | None


class Executor(Protocol):
    """Starts programs that live on without us, finds them again, and ends them with their whole group."""

    def start(self, command: Command) -> ProcessIdentity | None:
        """Start detached. None if the lock is already held by a living process: nothing was started."""

    def find(self, lock: Path) -> tuple[Liveness, ProcessIdentity | None]:
        """Who holds a lock: ALIVE (identity if known), DEAD if free, UNKNOWN if that cannot be told."""

    def wait(self, process: ProcessIdentity, timeout_seconds: float) -> Exit | None:
        """Wait for the end of any process, child or not. None if it still lives after the timeout."""

    def terminate(self, process: ProcessIdentity) -> None:
        """Ask the whole group to end (TERM; CONT so that a stopped one hears it). Never a reused pid."""

    def kill(self, process: ProcessIdentity) -> None:
        """Make the whole group and every descendant end now. Never a reused pid."""

    def sweep(self, environment: Mapping[str, str]) -> int:
        """Make every process end that carries all these variables: what a dead one left behind. Their number."""


class WarmExecutor(Executor, Protocol):
    """An executor that can have a process wait, with everything imported, for the command that it becomes.

    The waiting one leaves when we end, however that happens; once it was started, it lives on without us. A program
    that never is started but shall end with us is warmed too (backend.executors.tied).
    """

    def warm(self, command: Command) -> ProcessIdentity | None:
        """Start a program that waits. None if the lock is held. Raises CommandNotStarted."""

    def is_ready(self, process: ProcessIdentity) -> bool:
        """Whether it has said that it needs no more time; it may be started before as well."""

    def start(self, command: Command, warm: ProcessIdentity | None = None) -> ProcessIdentity | None:
        """As Executor.start; by `warm` if that one still waits, else by a new process."""

    def let_go(self, process: ProcessIdentity) -> None:
        """End a process that waits; nothing if it was started or is gone."""

    def ask_for_stacks(self, process: ProcessIdentity) -> int:
        """Have the Python stacks of a process and its descendants written to their logs; how many were asked."""


class BranchFiles(Protocol):
    """What one run takes over from another, or from its own former end."""

    def steps(self, run_dir: Path) -> tuple[int, ...]:
        """The steps of the sealed checkpoints, newest first; their bytes are not verified."""

    def newest_whole(self, run_dir: Path) -> int | None:
        """The step of the newest checkpoint whose every byte is as it was sealed."""

    def adjustments(self, run_dir: Path) -> tuple[Adjustment, ...]:
        """What was changed of run.yaml so far. Raises StorageError."""

    def adjust(self, run_dir: Path, change: Adjustment) -> None:
        """Add a change; one of the same kind for the same attempt is replaced. Raises StorageError."""

    def alone(self, run_dir: Path) -> AbstractContextManager[None]:
        """While one extends a run nobody else does. Raises StorageError."""

    def take_checkpoint(self, source: Path, step: int, target: Path) -> None:
        """Bring the verified checkpoint of a step into another run's folder. Raises StorageError, NotFoundError."""


class Processes(Protocol):
    """Sees to it that runs have supervisors."""

    def start(self, run_id: str) -> bool:
        """See that the run has a supervisor, if it is its turn; whether one was started now."""

    def reconcile(self) -> object:
        """Give places to waiting runs, and a supervisor to each run that has its places or needs none."""


class PlaceProbe(Protocol):
    """Says which places on devices there are, and how full they are."""

    def now(self) -> Places:
        """A new reading; takes milliseconds."""


class RunFiles(Protocol):
    """What lies in run folders, read and written as small files."""

    def create(self, run_dir: Path, config_text: str) -> None:
        """Make the folder of a new run with its run.yaml; nothing half-written stays behind.

        Raises StorageError.
        """

    def discard(self, run_dir: Path) -> None:
        """Take back a folder that `create` has just made, because its run could not be recorded."""

    def config_text(self, run_dir: Path) -> str | None:
        """run.yaml, or None if it is gone."""

    def heartbeat(self, run_dir: Path) -> Heartbeat | None:
        """The newest sign of life of any attempt."""

    def last_checkpoint_step(self, run_dir: Path) -> int | None:
        """The step of the newest sealed checkpoint."""

    def log(self, run_dir: Path, attempt: int, max_bytes: int) -> str:
        """The end of an attempt's log, without control sequences; "" if there is none."""

    def log_parts(self, run_dir: Path, attempt: int) -> Sequence[Path]:
        """The files of an attempt's whole log that are there, in the order in which they were written."""

    def log_bytes(self, run_dir: Path, attempt: int) -> int:
        """The length of an attempt's whole log; 0 if there is none."""

    def has_adapter(self, run_dir: Path) -> bool:
        """Whether the final result is there."""

    def trash(self, run_dir: Path, trash_folder: Path) -> Path:
        """Move a run's folder into the trash, and say where it is now."""
