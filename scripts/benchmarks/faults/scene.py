"""Where one trial takes place: a workspace of its own, real supervisors, a dashboard, and a count at the end."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from backend.domain.ports import Command
from backend.domain.run import ProcessIdentity, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, may_become
from backend.executors import lock_file, process_table
from backend.executors.environment import RUN_ID, TOKEN
from backend.executors.local import LocalExecutor
from scripts.benchmarks.faults.trial import Recovery, Trial, double_starts
from tests.fakes.forked_programs import DASHBOARD, WORKSPACE, Forks
from tests.process.lab import Lab

STANDBY_NAMED_SECONDS = 0.2
POLL_SECONDS = 0.005
GONE_SECONDS = 60.0
LOOK_SECONDS = 0.1  # how often the stand-in for the dashboard looks after the runs


@dataclass
class Scene:
    """`forks` starts programs in milliseconds; None starts fresh interpreters. `trial` takes what is found."""

    folder: Path
    forks: Forks | None
    trial: Trial
    chance: random.Random = field(default_factory=random.Random)
    is_long: bool = False
    labs: list[Lab] = field(default_factory=list)
    _dashboards: list[ProcessIdentity] = field(default_factory=list)
    _known: set[int] = field(default_factory=set)

    def lab(self, *, is_forked: bool = True, trainer_file: Path | None = None, **settings: object) -> Lab:
        """A workspace with these settings; its programs are forks, or fresh interpreters with `trainer_file`."""
        workspace = self.folder / f"workspace-{len(self.labs)}"
        workspace.mkdir(parents=True)
        environment = {f"PEFT_STUDIO_{name.upper()}": str(value) for name, value in settings.items()}
        self.labs.append(Lab(workspace, environment, trainer_file, self.forks if is_forked else None))
        return self.labs[-1]

    def open_dashboard(self, lab: Lab) -> ProcessIdentity:
        """A process that looks after the runs of a workspace, as the server of the dashboard does."""
        assert lab.forks is not None
        command = Command(
            argv=(DASHBOARD, lab.forks.kind, str(LOOK_SECONDS)),
            cwd=lab.workspace,
            log=self.folder / "dashboard.log",
            lock=self.folder / f"dashboard-{len(self._dashboards)}.lock",
            environment=lab.environment,
        )
        process = lab.new_executor().start(command)
        assert process is not None
        self._dashboards.append(process)
        self._known.add(process.pid)
        return process

    def kill(self, *victims: ProcessIdentity, number: signal.Signals = signal.SIGKILL) -> float:
        """SIGKILL (or another signal) for each, one after the other; when that was, by the monotonic clock."""
        for victim in victims:
            self._known.add(victim.pid)
            with suppress(ProcessLookupError):
                os.kill(victim.pid, number)
        self.trial.num_kills += len(victims)
        return time.monotonic()

    def recovery(self, lab: Lab, run_id: str, before: ProcessIdentity, at: float, *, lock: str = "trainer") -> Recovery:
        """Wait until another process than `before` has the lock, and until the next step is done."""
        folder = RunDirectory(lab.runs_folder / run_id)
        path = folder.trainer_lock if lock == "trainer" else folder.supervisor_lock
        came = _when(lambda: lock_file.read_identity(path) not in (before, None), lab, run_id)
        stepped = _when(lambda: _step_after(lab, run_id, at), lab, run_id)
        steps = [line["at"] for line in lab.steps(run_id) if line["at"] > at and line["pid"] != before.pid]
        found = Recovery(came and came - at, min(steps) - at if stepped and steps else None)
        self.trial.recoveries.append(found)
        return found

    def finish(self, lab: Lab, run_id: str = "a-run", seconds: float = 60.0) -> Run:
        """Wait for the end, which has to be a finished run whose steps were all done."""
        self.watch_over(lab, run_id, seconds)
        run = lab.get(run_id)
        assert run.state is RunState.FINISHED, lab.story(run_id)
        return run

    def watch_over(self, lab: Lab, run_id: str, seconds: float = 60.0) -> None:
        """Wait until a run is over, and look all the while that it has one trainer at most."""
        end = time.monotonic() + seconds
        while not ((run := lab.get(run_id)).is_over and not run.needs_supervisor):
            assert time.monotonic() < end, f"not over within {seconds:g} s: {lab.story(run_id)}"
            self.trial.num_double_starts += len(trainers_of(run_id, lab.workspace)) > 1
            time.sleep(0.03)

    def told(self, text: str) -> str:
        """What a person reads, without the name of this trial's folder."""
        return text.replace(str(self.folder), "…")

    def count(self) -> None:
        """Close the dashboards, and count what is left and what went twice."""
        for dashboard in self._dashboards:
            LocalExecutor().kill(dashboard)
        for lab in list(self.labs):
            self.settle(lab)

    def settle(self, lab: Lab) -> None:
        """Count what one workspace leaves, and be done with it."""
        for run in lab.store.list():
            self._examine(lab, run)
        self._count_leftovers(lab)
        self.labs.remove(lab)
        lab.close()

    def close(self) -> None:
        """End what is left, whatever happened."""
        for dashboard in self._dashboards:
            LocalExecutor().kill(dashboard)
        for lab in self.labs:
            lab.close()
            lab.executor.sweep({WORKSPACE: str(lab.workspace)})

    def _examine(self, lab: Lab, run: Run) -> None:
        steps = lab.steps(run.id)
        self.trial.num_runs += 1
        self.trial.num_finished += run.state is RunState.FINISHED
        self.trial.num_double_starts += double_starts(steps)
        self._known |= {line["pid"] for line in steps}
        self._known |= {attempt.process.pid for attempt in run.attempts if attempt.process}
        lines = lab.store.journal(run.id)
        changes = [(line.source, line.target) for line in lines if line.source is not line.target]
        if not all(may_become(*change) for change in changes):
            self.trial.problems.append(f"the journal has a change that the table has not: {changes}")
        if any(before[1] is not after[0] for before, after in pairwise(changes)):
            self.trial.problems.append(f"the journal has a gap: {changes}")

    def _count_leftovers(self, lab: Lab) -> None:
        orphans = _left_after_a_while(lambda: living_in(lab.workspace))
        zombies = _left_after_a_while(lambda: zombies_among(self._known))
        self.trial.num_orphans += len(orphans)
        self.trial.num_zombies += len(zombies)
        if orphans or zombies:
            parents = [entry.parent for pid in zombies if (entry := process_table.read(pid))]
            self.trial.problems.append(f"left behind: processes {orphans}, zombies {zombies} of parents {parents}")


def living_in(workspace: Path) -> list[int]:
    """Processes that were started for runs of a workspace and still live."""
    mark = str(workspace)
    return [
        entry.pid
        for entry in process_table.processes()
        if not entry.is_zombie and process_table.environment(entry.pid).get(WORKSPACE) == mark
    ]


def trainers_of(run_id: str, workspace: Path) -> set[str]:
    """Tokens of the attempts of which a process is alive; the standby that waits beside them is none.

    The lock of the standby names it only some milliseconds after its start, so more than one token is looked at again.
    """
    found = _trainers_of(run_id, workspace)
    if len(found) > 1:
        time.sleep(STANDBY_NAMED_SECONDS)
        found &= _trainers_of(run_id, workspace)
    return found


def _trainers_of(run_id: str, workspace: Path) -> set[str]:
    standby = lock_file.read_identity(RunDirectory(workspace / "runs" / run_id).standby_lock)
    found = set()
    for entry in process_table.processes():
        is_first = entry.pid == entry.session and not (standby and entry.pid == standby.pid)
        variables = process_table.environment(entry.pid) if is_first else {}
        if variables.get(RUN_ID) == run_id and variables.get(WORKSPACE) == str(workspace):
            found.add(variables.get(TOKEN, ""))
    return found


def zombies_among(pids: set[int]) -> list[int]:
    """Which of these were never waited for."""
    return [entry.pid for entry in process_table.processes() if entry.is_zombie and entry.pid in pids]


def _left_after_a_while(look: Callable[[], Sequence[int]]) -> Sequence[int]:
    """What is still there when the time is over; who is ending may be gone in one look, and a zombie in the next."""
    end = time.monotonic() + GONE_SECONDS
    while (left := look()) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    return left


def _when(condition: Callable[[], object], lab: Lab, run_id: str, seconds: float = 60.0) -> float | None:
    """The moment when it became true, or None if the run ended without it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        is_over = lab.get(run_id).is_over
        if condition():
            return time.monotonic()
        if is_over:
            return None
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"nothing came within {seconds:g} s: {lab.story(run_id)}")


def _step_after(lab: Lab, run_id: str, at: float) -> bool:
    return any(line["at"] > at for line in lab.steps(run_id)[-1:])
