"""Whatever people do and whatever breaks, in any order: real supervisors and trainers against a model of them.

What Hypothesis draws depends on the model alone, never on how far a process has come: rules name runs by their number,
the model knows what was wished, and a step that needs a process waits for it or does nothing.
"""

import os
import shutil
import signal
import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from backend.domain.run import ProcessIdentity, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, may_become
from backend.probes.clock import SystemClock
from backend.services.errors import RunIsActive, RunIsFinished, RunNotWaiting
from backend.services.reindexing import Reindexing
from backend.services.run_library import RunLibrary
from backend.services.run_queue import RunQueue
from backend.services.training import TrainingService
from backend.store.errors import RunNotFound
from backend.store.records import DirectoryRecords
from backend.store.run_files import LocalRunFiles
from scripts.benchmarks.faults.scene import living_in, trainers_of
from scripts.benchmarks.faults.trial import double_starts
from tests.fakes.forked_programs import Forks
from tests.process.lab import Lab, wait_until

pytestmark = pytest.mark.process

# so that no number of kills in a row makes a run give up: how that ends is tested elsewhere
SETTINGS = {"PEFT_STUDIO_STOP_GRACE_SECONDS": "5", "PEFT_STUDIO_MAX_FAILURES": "100"}
RUNS = 3  # one at a time: the others wait
STEPS = 12
PLAN: dict[str, Any] = {"total_steps": STEPS, "save_every": 3, "step_seconds": 0.01}
CRASHES = [{}, {"1": {"crash_at_step": 5}}, {"1": {"crash_at_step": 2}, "2": {"crash_at_step": 7, "signal": "SIGSEGV"}}]
TARGETS = st.integers(0, RUNS - 1)
QUIET_SECONDS = 60.0


class AnyOrder(RuleBasedStateMachine):
    """`ends` is the model: for each run that exists the states in which it may come to rest, by what was wished."""

    forks: Forks

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="any-order-"))
        self.lab = Lab(self.folder, SETTINGS, forks=self.forks)
        self.ends: dict[int, set[RunState]] = {}
        self.ids: dict[int, str] = {}
        self.stopped: set[int] = set()  # at some time
        self.keepers: set[int] = set()  # paused, or about to be, with the one place there is
        self.num_made = 0

    # what people do

    @precondition(lambda self: len(self.ends) < RUNS)
    @rule(target_run=TARGETS, crashes=st.sampled_from(CRASHES))
    def start(self, target_run: int, crashes: dict[str, Any]) -> None:
        if target_run in self.ends:
            target_run = next(number for number in range(RUNS) if number not in self.ends)
        self.num_made += 1
        run_id = self.ids[target_run] = f"run-{self.num_made}"
        self.lab.make(run_id, order=ORDER, attempts=crashes, **PLAN)
        self.lab.manager.start(run_id)
        self.ends[target_run] = {RunState.FINISHED}

    @rule(target_run=TARGETS, keep_slot=st.booleans())
    def pause(self, target_run: int, keep_slot: bool) -> None:
        """What is stopped stays so, even if it was asked to go on a moment ago."""
        if target_run in self.ends:
            self.people.pause(self.ids[target_run], keep_slot)
            (self.keepers.add if keep_slot else self.keepers.discard)(target_run)
            stopped = {RunState.STOPPED} if target_run in self.stopped else set()
            self.ends[target_run] = {RunState.PAUSED, RunState.FINISHED} | stopped

    @rule(target_run=TARGETS)
    def stop(self, target_run: int) -> None:
        if target_run in self.ends:
            self.people.stop(self.ids[target_run])
            self.stopped.add(target_run)
            self.keepers.discard(target_run)
            self.ends[target_run] = {RunState.STOPPED, RunState.FINISHED}

    @rule(target_run=TARGETS)
    def stop_now(self, target_run: int) -> None:
        if target_run in self.ends:
            self.people.stop_now(self.ids[target_run])
            self.stopped.add(target_run)
            self.keepers.discard(target_run)
            self.ends[target_run] = {RunState.STOPPED, RunState.FINISHED}

    @rule(target_run=TARGETS)
    def resume(self, target_run: int) -> None:
        if target_run in self.ends:
            with suppress(RunIsFinished):
                self.people.resume(self.ids[target_run])
            self.ends[target_run] = {RunState.FINISHED}
            self.keepers.discard(target_run)

    @rule(target_run=TARGETS, position=st.integers(1, RUNS))
    def move(self, target_run: int, position: int) -> None:
        """To another place of the queue, if it waits."""
        if target_run in self.ends:
            with suppress(RunNotWaiting):
                RunQueue(self.lab.store, self.lab.manager).move(self.ids[target_run], position)

    @rule(target_run=TARGETS)
    def delete(self, target_run: int) -> None:
        """What is at work is not deleted: it has to be stopped, and to have ended."""
        if target_run not in self.ends:
            return
        run_id = self.ids[target_run]
        self.people.stop_now(run_id)
        self._wait_for_rest(run_id)
        library = RunLibrary(
            self.lab.store, LocalRunFiles(), self.lab.executor, self.lab.manager, self.folder / "trash"
        )
        wait_until(lambda: self._is_deleted(library, run_id), "the run can be deleted")
        with pytest.raises(RunNotFound):
            self.lab.get(run_id)
        del self.ends[target_run], self.ids[target_run]
        self.stopped.discard(target_run)
        self.keepers.discard(target_run)

    @rule()
    def look(self) -> None:
        """Somebody opens a dashboard."""
        self.lab.new_manager().reconcile()

    # what breaks

    @rule(target_run=TARGETS, steps=st.integers(1, STEPS))
    def wait_for_progress(self, target_run: int, steps: int) -> None:
        """No fault, but time: until so many steps are done, or the run rests."""
        if self.ends.get(target_run) == {RunState.FINISHED} and not self.keepers:
            run_id = self.ids[target_run]

            def has_come() -> bool:
                self.lab.new_manager().reconcile()  # again and again: a process that was just killed may hold its locks
                return any(line["step"] >= steps for line in self.lab.steps(run_id)) or self._rests(run_id)

            wait_until(has_come, f"step {steps}", QUIET_SECONDS)

    @rule(
        target_run=TARGETS,
        victims=st.sampled_from([("trainer",), ("supervisor",), ("trainer", "supervisor"), ("supervisor", "trainer")]),
    )
    def kill(self, target_run: int, victims: tuple[str, ...]) -> None:
        if target_run in self.ends:
            found = [self._find(self.ids[target_run], name) for name in victims]
            for process in found:
                if process is not None:
                    with suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGKILL)

    @rule(target_run=TARGETS, text=st.sampled_from(["", "{", '{"token": "x", "attempt": 1', "\x00" * 50]))
    def corrupt_heartbeat(self, target_run: int, text: str) -> None:
        if target_run in self.ends:
            RunDirectory(self.lab.get(self.ids[target_run]).run_dir).heartbeat.write_text(text, encoding="utf-8")

    @rule()
    def lose_store(self) -> None:
        """The files are gone; a person runs `reindex`, as the error says."""
        for path in self.folder.glob("studio.db*"):
            path.unlink()
        known = set(self.ids.values())
        report = Reindexing(self.lab.store, DirectoryRecords(), self.lab.runs_folder, SystemClock()).run()
        assert set(report.restored) == known, report

    # what always holds

    @invariant()
    def one_trainer_at_most(self) -> None:
        for run_id in self.ids.values():
            assert len(trainers_of(run_id, self.folder)) <= 1, self.lab.story(run_id)
            assert double_starts(self.lab.steps(run_id)) == 0, self.lab.story(run_id)

    @invariant()
    def the_journal_obeys_the_table(self) -> None:
        for run_id in self.ids.values():
            state = self.lab.get(run_id).state
            changes = [(line.source, line.target) for line in self.lab.store.journal(run_id)]
            moves = [change for change in changes if change[0] is not change[1]]
            assert all(may_become(*move) for move in moves), self.lab.story(run_id)
            assert all(before[1] is after[0] for before, after in pairwise(moves)), self.lab.story(run_id)
            told = {RunState.CREATED, *(target for _, target in moves)}  # it may have moved on since we looked
            assert state in told, self.lab.story(run_id)

    def teardown(self) -> None:
        try:
            self._every_wish_is_granted()
        finally:
            self.lab.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _every_wish_is_granted(self) -> None:
        """Paused runs first, since others may wait for their places; these are given up when all is seen."""
        for number, ends in sorted(self.ends.items(), key=lambda item: RunState.PAUSED not in item[1]):
            run_id = self.ids[number]
            run = self._wait_for_rest(run_id)
            assert run.state in ends, self.lab.story(run_id)
            if run.state is RunState.PAUSED:
                self.people.stop(run_id)
            self.one_trainer_at_most()
            self.the_journal_obeys_the_table()
            if run.state is RunState.FINISHED:
                assert {line["step"] for line in self.lab.steps(run_id)} == set(range(1, STEPS + 1))
        wait_until(lambda: not living_in(self.folder), "nothing is left behind")

    @property
    def people(self) -> TrainingService:
        """The verbs of a person; what is needed only to make a run is left out."""
        nobody: Any = None
        lab = self.lab
        return TrainingService(lab.store, LocalRunFiles(), lab.manager, nobody, nobody, SystemClock(), lab.runs_folder)

    def _wait_for_rest(self, run_id: str) -> Run:
        """Somebody looks now and then, as a dashboard does."""

        def rests() -> bool:
            self.lab.new_manager().reconcile()
            return self._rests(run_id)

        try:
            wait_until(rests, f"{run_id} rests", QUIET_SECONDS)
        except AssertionError as error:
            raise AssertionError(self.lab.story(run_id)) from error
        return self.lab.get(run_id)

    def _rests(self, run_id: str) -> bool:
        return not self.lab.get(run_id).needs_supervisor

    def _find(self, run_id: str, name: str) -> ProcessIdentity | None:
        found = self.lab.manager.liveliness(self.lab.get(run_id))
        return found.trainer if name == "trainer" else found.supervisor

    def _is_deleted(self, library: RunLibrary, run_id: str) -> bool:
        """A supervisor may be on its way out."""
        with suppress(RunIsActive):
            library.delete(run_id)
            return True
        return False


ORDER = "base_model: demo\ndataset: sample:demo.jsonl\nmethod: lora\n"


def run_machine(forks: Forks, max_examples: int, num_steps: int) -> None:
    AnyOrder.forks = forks
    how = settings(
        max_examples=max_examples,
        stateful_step_count=num_steps,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],  # a shrunk example would be another one: processes take their time
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(AnyOrder, settings=how)


def test_wishes_are_granted_whatever_breaks(forks: Forks) -> None:
    run_machine(forks, max_examples=12, num_steps=8)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_wishes_are_granted_whatever_breaks_again_and_again(forks: Forks) -> None:
    run_machine(forks, max_examples=150, num_steps=20)
