"""The supervisor's loop over scripted processes, a store in memory and a clock that only waiting moves."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.domain.decisions import Policy
from backend.domain.exit_record import ExitRecord
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.ports import Command
from backend.domain.run import Attempt, ProcessIdentity, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.domain.transition import Transition
from backend.executors.environment import ATTEMPT, RUN_ID, TOKEN
from backend.executors.errors import CommandNotStarted
from backend.store.checkpoints import MANIFEST, write_manifest_text
from backend.store.errors import StaleTransition, StoreFromNewerVersion, StoreFull, StoreUnavailable
from backend.store.run_files import LocalRunFiles
from backend.supervisor.leave import Leave, Left
from backend.supervisor.rules import Rules, TrainerProgram
from backend.supervisor.supervisor import Supervisor
from backend.supervisor.upkeep import RESERVE_BYTES
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, SUPERVISOR, a_run

RULES = Rules(Policy(3, (0.5, 1.0, 2.0)), stop_grace_seconds=30, poll_seconds=0.25)


class Stage:
    """One run, everything around it, and what a test may do to it."""

    def __init__(self, folder: Path, store_type: type[FakeRunStore] = FakeRunStore) -> None:
        self.clock = FakeClock()
        self.executor = FakeExecutor(self.clock)
        self.store = store_type(self.clock)
        self.leave = Leave(self.clock.advance, self.clock.monotonic)
        self.folder = RunDirectory(folder / "a-run")
        self.oom_kills: int | None = 0
        self.last_beat = 0
        self.rules = RULES
        self.supervisor: Supervisor | None = None
        LocalRunFiles().create(self.folder.root, "schema_version: 1\n")

    def create(self, **facts: Any) -> None:
        self.store.create(a_run(**{"run_dir": self.folder.root, "slots": ("cpu:0",), **facts}))

    def give_slot_again(self) -> None:
        """What resuming a run at rest comes to once the queue has given it a place."""
        run = replace(self.store.get("a-run"), wish=Wish.RUN, slots=("cpu:0",))
        self.store.restore(run, self.store.journal(run.id))

    def supervise(self) -> Run:
        self.supervisor = Supervisor(
            "a-run",
            self.store,
            self.executor,
            self.clock,
            files=LocalRunFiles(),
            trainer=TrainerProgram(("trainer",), {"ALWAYS": "so"}),
            rules=self.rules,
            leave=self.leave,
            identity=SUPERVISOR,
            count_oom_kills=lambda: self.oom_kills,
        )
        self.supervisor.run()
        return self.run

    @property
    def run(self) -> Run:
        return self.store.get("a-run")

    @property
    def reasons(self) -> list[str]:
        return [line.reason for line in self.store.journal("a-run")]

    @property
    def states(self) -> list[RunState]:
        lines = self.store.journal("a-run")
        return [line.target for line in lines if line.source is not line.target]

    def checkpoint(self, step: int) -> None:
        path = self.folder.checkpoints / f"checkpoint-{step}"
        path.mkdir()
        (path / "weights").write_text(str(step))
        (path / MANIFEST).write_text(write_manifest_text(path, step))

    def beat(self, environment: dict[str, str], phase: Phase = Phase.TRAINING, step: int = 1) -> None:
        beat = Heartbeat(environment[TOKEN], int(environment[ATTEMPT]), 0, phase, step, 100, step)
        self.folder.heartbeat.write_text(beat.to_json())

    def script(self, *checkpoints: int, beats: bool = True, **how: Any) -> Script:
        """A trainer that beats once and writes these checkpoints as soon as it is started, and a result with exit 0."""

        def on_start(command: Command) -> None:
            if beats:
                self.beat(command.environment)
            for step in checkpoints:
                self.checkpoint(step)

        return Script(on_start=on_start, **({"on_end": self.leave_result} | how))

    def leave_result(self, code: int | None) -> None:
        if code == 0:
            self.folder.adapter.mkdir(exist_ok=True)
            (self.folder.adapter / "adapter_model.safetensors").touch()

    def wish(self, wish: Wish) -> Callable[[], None]:
        """Something to do while waiting: a person's wish, once."""
        return self.once(lambda: self.store.set_wish("a-run", wish, f"wish {wish}"))

    def once(self, action: Callable[[], object]) -> Callable[[], None]:
        todo = [action]

        def act() -> None:
            while todo:
                todo.pop()()

        return act


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def an_attempt(process: ProcessIdentity | None = None, **facts: Any) -> Attempt:
    return Attempt(**{"number": 1, "token": "t1", "started_at": NOON, "process": process, **facts})


MARKS = {RUN_ID: "a-run", TOKEN: "t1", ATTEMPT: "1"}


def test_a_run_goes_from_created_to_finished(stage: Stage) -> None:
    stage.create()
    stage.executor.scripts = [stage.script(exit_code=0, lives_seconds=5)]
    run = stage.supervise()
    assert stage.states == [RunState.STARTING, RunState.RUNNING, RunState.FINISHED]
    assert (run.wish, run.message, run.error_id) == (Wish.STOP, "Finished at step 1.", "")
    attempt = run.attempts[0]
    assert (attempt.exit_code, attempt.last_step, attempt.reason) == (0, 1, "finished")
    assert attempt.process is not None


def test_the_trainer_is_told_who_it_is_and_the_fence_says_the_same(stage: Stage) -> None:
    stage.create()
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    stage.supervise()
    command = stage.executor.commands[0]
    token = command.environment[TOKEN]
    assert command.environment == {"ALWAYS": "so", RUN_ID: "a-run", ATTEMPT: "1", TOKEN: token}
    assert command.argv == ("trainer", str(stage.folder.root))
    assert (command.log, command.lock) == (stage.folder.log(1), stage.folder.trainer_lock)
    assert json.loads(stage.folder.fence.read_text()) == {"number": 1, "token": token}
    assert stage.run.attempts[0].token == token


def test_a_crash_becomes_a_sentence_and_another_attempt(stage: Stage) -> None:
    stage.create()
    stage.executor.scripts = [stage.script(400, exit_code=-9, lives_seconds=5), stage.script(lives_seconds=9)]
    messages: list[str] = []
    stage.executor.scripts[1].on_wait = lambda: messages.append(stage.run.message)
    run = stage.supervise()
    assert stage.states == [
        RunState.STARTING,
        RunState.RUNNING,
        RunState.BACKOFF,
        RunState.STARTING,
        RunState.RUNNING,
        RunState.FINISHED,
    ]
    assert run.attempts[1].resumed_from_step == 400
    assert messages[-1] == (
        "Attempt 1 ended at step 1: killed by SIGKILL; if you did not do it, the system probably ran out of "
        "memory. Attempt 2 is running, resumed from step 400."
    )


def test_the_wait_before_a_restart_is_kept(stage: Stage) -> None:
    stage.create()
    stage.executor.scripts = [stage.script(exit_code=1, lives_seconds=0) for _ in range(4)]
    run = stage.supervise()
    assert run.state is RunState.FAILED
    assert 3.5 <= stage.clock.monotonic() < 5  # 0.5, 1 and 2 s, and the looking


def test_a_person_stops_a_run_that_waits_for_its_restart(stage: Stage) -> None:
    stage.create()
    stage.executor.scripts = [stage.script(exit_code=1, lives_seconds=0)]

    class Impatient(Leave):
        def pause(self, seconds: float) -> None:
            stage.store.set_wish("a-run", Wish.STOP, "enough")
            super().pause(seconds)

    stage.leave = Impatient(stage.clock.advance, stage.clock.monotonic)
    run = stage.supervise()
    assert (run.state, len(run.attempts)) == (RunState.STOPPED, 1)


def test_a_run_stopped_before_anything_started_is_stopped(stage: Stage) -> None:
    stage.create(wish=Wish.STOP)
    assert stage.supervise().state is RunState.STOPPED
    assert stage.executor.commands == []


@pytest.mark.parametrize("state", [RunState.FINISHED, RunState.STOPPED, RunState.FAILED])
def test_a_run_that_is_over_is_left_alone(stage: Stage, state: RunState) -> None:
    stage.create(state=state, wish=Wish.STOP)
    assert stage.supervise().state is state
    assert stage.executor.calls == []


def test_stop_is_term_then_a_checkpoint(stage: Stage) -> None:
    stage.create()
    script = stage.script(exit_code=None, on_term=75)
    script.on_wait = stage.wish(Wish.STOP)
    stage.executor.scripts = [script]
    run = stage.supervise()
    assert stage.states == [RunState.STARTING, RunState.STOPPING, RunState.STOPPED]
    assert stage.executor.calls == ["start", "terminate", "sweep"]
    assert (run.wish, run.attempts[0].exit_code) == (Wish.STOP, 75)


def test_stop_is_kill_after_the_grace_and_not_before(stage: Stage) -> None:
    stage.create()
    script = stage.script(7, on_term=None)
    script.on_wait = stage.wish(Wish.STOP)
    stage.executor.scripts = [script]
    run = stage.supervise()
    assert run.state is RunState.STOPPED
    assert run.message == ("The trainer did not stop in time and was killed. Resumed, it goes on from step 7.")
    assert stage.executor.calls == ["start", "terminate", "kill", "sweep"]
    assert 30 <= stage.clock.monotonic() < 32


def test_a_person_who_changes_their_mind_while_it_stops_gets_another_attempt(stage: Stage) -> None:
    stage.create()
    first = stage.script(5, on_term=None, exit_code=75, lives_seconds=10)
    stop, go = stage.wish(Wish.STOP), stage.wish(Wish.RUN)
    first.on_wait = lambda: stop() if stage.clock.monotonic() < 4 else go()
    stage.executor.scripts = [first, stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert stage.states[1:4] == [RunState.STOPPING, RunState.INTERRUPTED, RunState.STARTING]
    assert (run.state, run.attempts[1].resumed_from_step, run.failures) == (RunState.FINISHED, 5, 0)


def test_a_wish_to_go_on_that_comes_as_the_stop_is_being_written_is_granted(tmp_path: Path) -> None:
    class LateWish(FakeRunStore):
        def apply(self, transition: Transition) -> Run:
            if transition.target is RunState.STOPPED:
                self.set_wish("a-run", Wish.RUN, "changed my mind")
            return super().apply(transition)

    stage = Stage(tmp_path, LateWish)
    stage.create()
    first = stage.script(5, exit_code=None, on_term=75)
    first.on_wait = stage.wish(Wish.STOP)
    stage.executor.scripts = [first, stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert (run.state, run.wish, run.slots) == (RunState.STOPPED, Wish.RUN, ()), "it waits for a place"
    stage.give_slot_again()
    run = stage.supervise()
    assert (run.state, run.attempts[1].resumed_from_step) == (RunState.FINISHED, 5)


def test_a_wish_to_pause_that_comes_as_an_attempt_begins_starts_no_trainer(tmp_path: Path) -> None:
    """Its places are gone with the wish; without them a trainer would take whatever device it sees."""

    class LateWish(FakeRunStore):
        def apply(self, transition: Transition) -> Run:
            if transition.target is RunState.STARTING:
                self.set_wish("a-run", Wish.PAUSE, "changed my mind")
            return super().apply(transition)

    stage = Stage(tmp_path, LateWish)
    stage.create(state=RunState.PAUSED, slots=("cpu:0",))
    run = stage.supervise()
    assert (run.state, run.wish, run.slots, run.attempts) == (RunState.PAUSED, Wish.PAUSE, (), ())
    assert stage.executor.commands == []


@pytest.mark.parametrize("keeps_slot", [False, True])
def test_pause_is_term_then_a_checkpoint_and_gives_the_slots_back_unless_told(stage: Stage, keeps_slot: bool) -> None:
    stage.create(slots=("cpu:0",))
    script = stage.script(6, exit_code=None, on_term=75)
    script.on_wait = stage.once(lambda: stage.store.set_wish("a-run", Wish.PAUSE, "pause", keeps_slot=keeps_slot))
    stage.executor.scripts = [script]
    run = stage.supervise()
    assert stage.states == [RunState.STARTING, RunState.PAUSING, RunState.PAUSED]
    assert stage.executor.calls == ["start", "terminate", "sweep"]
    assert (run.wish, run.slots) == (Wish.PAUSE, ("cpu:0",) if keeps_slot else ())
    assert run.message == "Paused on request at step 1. Resumed, it goes on from step 6."


def test_a_trainer_that_ignores_a_pause_is_killed_after_the_grace(stage: Stage) -> None:
    stage.create()
    script = stage.script(7, on_term=None)
    script.on_wait = stage.wish(Wish.PAUSE)
    stage.executor.scripts = [script]
    run = stage.supervise()
    assert (run.state, stage.executor.calls) == (RunState.PAUSED, ["start", "terminate", "kill", "sweep"])
    assert "did not end in time and was killed. Resumed, it goes on from step 7." in run.message
    assert 30 <= stage.clock.monotonic() < 32


def test_stop_now_is_kill_at_once_and_goes_on_from_the_last_checkpoint(stage: Stage) -> None:
    stage.create()
    script = stage.script(7, on_term=75)
    script.on_wait = stage.wish(Wish.STOP_NOW)
    stage.executor.scripts = [script, stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert stage.states == [RunState.STARTING, RunState.STOPPING, RunState.STOPPED]
    assert stage.executor.calls == ["start", "kill", "sweep"]
    assert stage.clock.monotonic() < 1
    stage.give_slot_again()
    run = stage.supervise()
    assert (run.state, run.attempts[1].resumed_from_step) == (RunState.FINISHED, 7)


def test_stop_now_does_not_wait_for_a_grace_that_runs(stage: Stage) -> None:
    stage.create()
    script = stage.script(7, on_term=None)
    wishes = [stage.wish(Wish.STOP), stage.wish(Wish.STOP_NOW)]
    script.on_wait = lambda: wishes.pop(0)() if wishes else None
    stage.executor.scripts = [script]
    assert stage.supervise().state is RunState.STOPPED
    assert stage.clock.monotonic() < 2


@pytest.mark.parametrize(
    ("wishes", "states", "end"),
    [
        ((Wish.PAUSE, Wish.STOP), [RunState.PAUSING, RunState.STOPPING], RunState.STOPPED),
        ((Wish.STOP, Wish.PAUSE), [RunState.STOPPING, RunState.PAUSING], RunState.PAUSED),
        ((Wish.PAUSE, Wish.STOP_NOW), [RunState.PAUSING, RunState.STOPPING], RunState.STOPPED),
    ],
)
def test_the_last_wish_counts(stage: Stage, wishes: tuple[Wish, ...], states: list[RunState], end: RunState) -> None:
    stage.create()
    script = stage.script(5, on_term=None, exit_code=75, lives_seconds=5)
    todo = [stage.wish(wish) for wish in wishes]
    script.on_wait = lambda: todo.pop(0)() if todo else None
    stage.executor.scripts = [script]
    assert stage.supervise().state is end
    assert stage.states[1:3] == states
    assert stage.executor.calls.count("terminate") == 1


def test_a_person_who_resumes_while_it_pauses_gets_another_attempt(stage: Stage) -> None:
    stage.create()
    first = stage.script(5, on_term=None, exit_code=75, lives_seconds=10)
    pause, go = stage.wish(Wish.PAUSE), stage.wish(Wish.RUN)
    first.on_wait = lambda: pause() if stage.clock.monotonic() < 4 else go()
    stage.executor.scripts = [first, stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert stage.states[1:4] == [RunState.PAUSING, RunState.INTERRUPTED, RunState.STARTING]
    assert (run.state, run.attempts[1].resumed_from_step, run.failures) == (RunState.FINISHED, 5, 0)


@pytest.mark.parametrize(
    "state", [RunState.CREATED, RunState.QUEUED, RunState.BACKOFF, RunState.INTERRUPTED, RunState.PAUSED]
)
@pytest.mark.parametrize(
    ("wish", "end"), [(Wish.PAUSE, RunState.PAUSED), (Wish.STOP, RunState.STOPPED), (Wish.STOP_NOW, RunState.STOPPED)]
)
def test_a_run_without_a_trainer_is_paused_or_stopped_without_one(
    stage: Stage, state: RunState, wish: Wish, end: RunState
) -> None:
    stage.create(state=state, wish=wish, slots=("cpu:0",))
    run = stage.supervise()
    assert (run.state, run.wish, stage.executor.commands) == (end, wish, [])


def test_nothing_restarts_a_paused_run_until_it_is_resumed(stage: Stage) -> None:
    stage.checkpoint(40)
    stage.create(state=RunState.PAUSED, wish=Wish.PAUSE, failures=2, attempts=(an_attempt(ended_at=NOON),))
    assert stage.supervise().state is RunState.PAUSED
    assert stage.executor.calls == []
    stage.store.set_wish("a-run", Wish.RUN, "resume")
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert (run.state, run.attempts[1].resumed_from_step, run.failures) == (RunState.FINISHED, 40, 0)


def test_a_supervisor_may_pause_its_run_by_itself_in_the_transaction_that_changes_the_state(stage: Stage) -> None:
    stage.create()
    script = stage.script(7, exit_code=None, on_term=75)
    script.on_wait = stage.once(lambda: stage.supervisor and stage.supervisor.pause("the disk is nearly full"))
    stage.executor.scripts = [script]
    run = stage.supervise()
    assert (run.state, run.wish) == (RunState.PAUSED, Wish.PAUSE)
    assert run.message == (
        "Paused: the disk is nearly full. Make room on the disk, then resume the run. Resumed, it goes on from step 7."
    )
    assert next(reason for reason in stage.reasons if "disk" in reason) == "the disk is nearly full"
    assert stage.states[1:] == [RunState.PAUSING, RunState.PAUSED]


def test_a_supervisors_pause_never_replaces_a_persons_stop(tmp_path: Path) -> None:
    class LateStop(FakeRunStore):
        def apply(self, transition: Transition) -> Run:
            if transition.wish is Wish.PAUSE:
                self.set_wish("a-run", Wish.STOP, "stop")
            return super().apply(transition)

    stage = Stage(tmp_path, LateStop)
    stage.create()
    script = stage.script(7, exit_code=None, on_term=75)
    script.on_wait = stage.once(lambda: stage.supervisor and stage.supervisor.pause("the disk is nearly full"))
    stage.executor.scripts = [script]
    run = stage.supervise()
    assert (run.state, run.wish) == (RunState.STOPPED, Wish.STOP)


def test_exit_0_without_a_result_is_a_failure(stage: Stage) -> None:
    stage.create()
    empty = stage.script(exit_code=0, lives_seconds=1, on_end=lambda _: None)
    stage.executor.scripts = [empty, stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert run.attempts[0].reason == "ended with exit 0 but without a result"
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 2)


def test_a_run_without_a_place_is_left_to_the_queue(stage: Stage) -> None:
    stage.create(slots=())
    run = stage.supervise()
    assert (run.state, run.attempts) == (RunState.CREATED, ())


def test_the_trainer_sees_the_gpus_of_its_places_only(stage: Stage) -> None:
    stage.create(slots=("gpu:1", "gpu:3"))
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    stage.supervise()
    told = stage.executor.commands[0].environment
    assert (told["CUDA_VISIBLE_DEVICES"], told["CUDA_DEVICE_ORDER"]) == ("1,3", "PCI_BUS_ID")


@pytest.mark.parametrize(("kind", "expected"), [("auto", None), ("cpu", "")])
def test_an_order_for_the_cpu_hides_every_gpu(stage: Stage, kind: str, expected: str | None) -> None:
    order = f"base_model: demo\ndataset: sample:demo.jsonl\ndevices: {{kind: {kind}}}\n"
    stage.folder.config.write_text(order)
    stage.create()
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    stage.supervise()
    assert stage.executor.commands[0].environment.get("CUDA_VISIBLE_DEVICES") == expected


def test_a_failed_run_with_retries_is_left_to_the_queue_with_one_less(stage: Stage) -> None:
    stage.create(retries=2)
    stage.executor.scripts = [stage.script(exit_code=1, lives_seconds=1) for _ in range(4)]
    run = stage.supervise()
    assert (run.state, run.wish, run.retries, run.slots) == (RunState.FAILED, Wish.RUN, 1, ())
    assert stage.reasons[-1].endswith("it is queued again, once more after this one")


def test_what_is_not_worth_retrying_keeps_its_retries(stage: Stage) -> None:
    stage.create(retries=2)
    stage.executor.scripts = [stage.script(exit_code=78, lives_seconds=1)]
    run = stage.supervise()
    assert (run.state, run.wish, run.retries) == (RunState.FAILED, Wish.STOP, 2)


def test_silence_beyond_the_limit_of_training_is_a_hang(stage: Stage) -> None:
    stage.create()
    stage.executor.scripts = [stage.script(), stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert run.state is RunState.FINISHED
    assert "no sign of life" in run.attempts[0].reason
    assert 600 <= stage.clock.monotonic() < 610


def test_before_the_first_heartbeat_the_longer_limit_holds(stage: Stage) -> None:
    stage.create()
    stage.executor.scripts = [stage.script(beats=False), stage.script(lives_seconds=1)]
    stage.supervise()
    assert 3600 <= stage.clock.monotonic() < 3610
    assert RunState.RUNNING not in stage.states[:2]


def test_a_beating_trainer_is_never_a_hang(stage: Stage) -> None:
    stage.create()
    script = stage.script(lives_seconds=1500)

    def beat_every_100_seconds() -> None:
        step = int(stage.clock.monotonic() / 100)
        if step > stage.last_beat:
            stage.last_beat = step
            stage.beat(stage.executor.commands[0].environment, step=step)

    script.on_wait = beat_every_100_seconds
    stage.executor.scripts = [script]
    assert stage.supervise().state is RunState.FINISHED
    assert "kill" not in stage.executor.calls


def test_an_older_attempts_heartbeat_says_nothing(stage: Stage) -> None:
    stage.create()
    stage.beat({TOKEN: "older", ATTEMPT: "0"})
    stage.executor.scripts = [stage.script(beats=False, lives_seconds=5)]
    run = stage.supervise()
    assert stage.states == [RunState.STARTING, RunState.FINISHED]
    assert run.attempts[0].last_step is None


@pytest.mark.parametrize("state", [RunState.STARTING, RunState.RUNNING])
def test_a_living_trainer_is_adopted(stage: Stage, state: RunState) -> None:
    script = stage.script(exit_code=0, lives_seconds=5)
    process = stage.executor.adoptable(stage.folder.trainer_lock, script, MARKS)
    stage.create(state=state, attempts=(an_attempt(),))
    run = stage.supervise()
    assert stage.executor.commands == []
    assert any(f"adopted the living trainer, process {process.pid}" in reason for reason in stage.reasons)
    assert (run.state, run.attempts[0].process) == (RunState.FINISHED, process)


def test_a_trainer_that_lives_without_its_lock_is_adopted_by_what_the_store_knows(stage: Stage) -> None:
    process = stage.executor.adoptable(None, stage.script(exit_code=0, lives_seconds=5), MARKS)
    stage.create(state=RunState.RUNNING, attempts=(an_attempt(process),))
    assert stage.supervise().state is RunState.FINISHED
    assert stage.executor.commands == []


def test_an_adopted_trainer_that_was_being_stopped_is_asked_again(stage: Stage) -> None:
    stage.executor.adoptable(stage.folder.trainer_lock, Script(on_term=75), MARKS)
    stage.create(state=RunState.STOPPING, wish=Wish.STOP, attempts=(an_attempt(),))
    assert stage.supervise().state is RunState.STOPPED
    assert "terminate" in stage.executor.calls


@pytest.mark.parametrize("state", [RunState.STARTING, RunState.RUNNING])
def test_a_trainer_found_dead_is_resumed_at_once_without_counting(stage: Stage, state: RunState) -> None:
    stage.checkpoint(40)
    gone = ProcessIdentity(7, 7, "earlier boot")
    stage.create(state=state, failures=2, attempts=(an_attempt(gone),))
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert stage.states[:2] == [RunState.INTERRUPTED, RunState.STARTING]
    assert run.attempts[0].reason == "ended while nobody watched, and left no word"
    assert (run.attempts[1].resumed_from_step, run.state) == (40, RunState.FINISHED)


def test_a_trainer_that_finished_unwatched_is_finished_by_its_own_word(stage: Stage) -> None:
    stage.create(state=RunState.RUNNING, attempts=(an_attempt(),))
    stage.folder.exit_record(1).write_text(ExitRecord(0, 100).to_json())
    run = stage.supervise()
    assert (run.state, run.message, run.attempts[0].exit_code) == (
        RunState.FINISHED,
        "Finished at step 100.",
        0,
    )


def test_a_death_after_the_last_word_is_no_crash(stage: Stage) -> None:
    stage.create()
    script = stage.script(exit_code=-11, lives_seconds=2)
    script.on_wait = stage.once(lambda: stage.folder.exit_record(1).write_text(ExitRecord(0, 100).to_json()))
    stage.executor.scripts = [script]
    assert stage.supervise().state is RunState.FINISHED


def test_a_stopped_run_that_was_found_dead_is_stopped(stage: Stage) -> None:
    stage.create(state=RunState.STOPPING, wish=Wish.STOP, attempts=(an_attempt(),))
    assert stage.supervise().state is RunState.STOPPED


@pytest.mark.parametrize("state", [RunState.BACKOFF, RunState.INTERRUPTED])
def test_a_run_between_two_attempts_goes_on_under_a_new_supervisor(stage: Stage, state: RunState) -> None:
    stage.create(state=state, failures=2, attempts=(an_attempt(ended_at=NOON, reason="killed"),))
    stage.executor.scripts = [
        stage.script(exit_code=1, lives_seconds=1),
        stage.script(exit_code=1, lives_seconds=1),
    ]
    run = stage.supervise()
    assert (run.state, len(run.attempts)) == (RunState.FAILED, 3)


@pytest.mark.parametrize("state", [RunState.STOPPED, RunState.FAILED])
def test_a_person_who_asks_again_gets_a_full_budget(stage: Stage, state: RunState) -> None:
    stage.create(state=state, failures=2, error_id="killed", attempts=(an_attempt(ended_at=NOON),))
    stage.executor.scripts = [stage.script(exit_code=1, lives_seconds=1), stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert (run.state, run.failures, run.error_id) == (RunState.FINISHED, 1, "")


def test_unknown_starts_nothing_until_it_is_known(stage: Stage) -> None:
    stage.create(state=RunState.RUNNING, attempts=(an_attempt(),))
    lock = stage.folder.trainer_lock
    stage.executor.make_unknown(lock)

    class Later(Leave):
        def pause(self, seconds: float) -> None:
            assert stage.executor.commands == []
            if stage.clock.monotonic() > 100:
                stage.executor.make_unknown(lock, is_unknown=False)
            super().pause(seconds)

    stage.leave = Later(stage.clock.advance, stage.clock.monotonic)
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    assert stage.supervise().state is RunState.FINISHED
    assert sum("cannot be told" in reason for reason in stage.reasons) == 1


def test_what_a_dead_trainer_left_behind_is_ended_before_another_starts(stage: Stage) -> None:
    """Its children hold the lock, and the process that the store names is gone."""
    lock = stage.folder.trainer_lock
    stage.executor.adoptable(lock, Script(), MARKS)
    stage.executor.make_unidentified(lock)
    gone = ProcessIdentity(7, 7, "boot")
    stage.create(state=RunState.RUNNING, attempts=(an_attempt(gone),))
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 2)
    assert stage.executor.calls[:2] == ["sweep", "sweep"]


def test_an_unidentified_holder_is_waited_for(stage: Stage) -> None:
    lock = stage.folder.trainer_lock
    stage.executor.adoptable(lock, Script(lives_seconds=50), MARKS)
    stage.executor.make_unidentified(lock)
    stage.create(state=RunState.RUNNING, attempts=(an_attempt(),))
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    assert stage.supervise().state is RunState.FINISHED
    assert stage.clock.monotonic() > 50


def test_an_unidentified_holder_is_swept_when_a_person_wants_a_stop(stage: Stage) -> None:
    lock = stage.folder.trainer_lock
    stage.executor.adoptable(lock, Script(), MARKS)
    stage.executor.make_unidentified(lock)
    stage.create(state=RunState.RUNNING, wish=Wish.STOP, attempts=(an_attempt(),))
    assert stage.supervise().state is RunState.STOPPED
    assert 30 <= stage.clock.monotonic() < 32


def test_a_stray_trainer_is_ended_before_another_starts(stage: Stage) -> None:
    stage.executor.adoptable(stage.folder.trainer_lock, Script(on_term=None), {})
    stage.create()
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    assert stage.supervise().state is RunState.FINISHED
    assert stage.executor.calls[:2] == ["terminate", "kill"]
    assert any("belongs to no open attempt" in reason for reason in stage.reasons)


def test_a_run_that_is_stopped_meanwhile_gives_its_place_back_only_when_the_stray_is_gone(stage: Stage) -> None:
    stage.executor.adoptable(stage.folder.trainer_lock, Script(on_term=None), {})
    stage.create()

    class Impatient(Leave):
        def pause(self, seconds: float) -> None:
            stage.store.set_wish("a-run", Wish.STOP, "enough")
            super().pause(seconds)

    stage.leave = Impatient(stage.clock.advance, stage.clock.monotonic)
    assert stage.supervise().state is RunState.STOPPED
    assert stage.executor.calls[:2] == ["terminate", "kill"]


def test_a_stop_is_heard_while_a_stray_holds_the_lock(stage: Stage) -> None:
    lock = stage.folder.trainer_lock
    stage.executor.adoptable(lock, Script(), {})
    stage.executor.make_unidentified(lock)
    stage.create()

    class Impatient(Leave):
        def pause(self, seconds: float) -> None:
            stage.store.set_wish("a-run", Wish.STOP, "enough")
            super().pause(seconds)

    stage.leave = Impatient(stage.clock.advance, stage.clock.monotonic)
    assert stage.supervise().state is RunState.STOPPED


def test_a_lock_that_is_taken_between_looking_and_starting_is_looked_at_again(stage: Stage) -> None:
    stage.create()
    quick = stage.script(exit_code=0, lives_seconds=20)
    begin = stage.executor.start

    def start(command: Command) -> ProcessIdentity | None:
        if not stage.executor.commands and "taken" not in stage.executor.calls:
            stage.executor.calls.append("taken")
            stage.executor.adoptable(stage.folder.trainer_lock, quick, {})
        return begin(command)

    stage.executor.start = start  # type: ignore[method-assign, assignment]
    run = stage.supervise()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 1)
    assert any("adopted" in reason for reason in stage.reasons)


def test_a_trainer_that_cannot_be_started_counts_as_a_failure(stage: Stage) -> None:
    stage.create()
    stage.executor.refuses = CommandNotStarted(program="trainer", reason="no such file")
    run = stage.supervise()
    assert (run.state, run.error_id, len(run.attempts)) == (RunState.FAILED, "command-not-started", 4)
    assert "no such file" in run.message


def test_a_folder_that_takes_no_fence_counts_as_a_failure(stage: Stage) -> None:
    stage.create()
    stage.folder.fence.mkdir()
    run = stage.supervise()
    assert (run.state, run.error_id) == (RunState.FAILED, "trainer-not-started")
    assert stage.executor.commands == []


@pytest.mark.parametrize("state", [RunState.CREATED, RunState.STOPPED, RunState.FAILED, RunState.BACKOFF])
def test_a_run_without_its_order_fails_before_anything_starts(stage: Stage, state: RunState) -> None:
    stage.create(state=state)
    stage.folder.config.unlink()
    run = stage.supervise()
    assert (run.state, run.wish, run.error_id) == (RunState.FAILED, Wish.STOP, "run-file-missing")
    assert "run.yaml" in run.message
    assert stage.executor.commands == []


@pytest.mark.parametrize(
    ("before", "after", "error_id"),
    [(0, 1, "killed-out-of-memory"), (1, 1, "killed"), (None, None, "killed")],
)
def test_the_kernels_count_tells_out_of_memory_from_a_plain_kill(
    stage: Stage, before: int | None, after: int | None, error_id: str
) -> None:
    stage.create(failures=0)
    stage.oom_kills = before

    def count_up() -> None:
        stage.oom_kills = after

    script = stage.script(exit_code=-9, lives_seconds=5)
    script.on_wait = count_up
    stage.executor.scripts = [script, *[stage.script(exit_code=-9, lives_seconds=0) for _ in range(3)]]
    run = stage.supervise()
    assert (run.state, run.error_id) == (RunState.FAILED, error_id)


def test_what_the_kernel_killed_elsewhere_long_ago_is_no_evidence(stage: Stage) -> None:
    stage.create()

    def count_up() -> None:
        stage.oom_kills = 1

    script = stage.script(exit_code=-9, lives_seconds=300)
    script.on_wait = count_up
    stage.executor.scripts = [script, stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert run.state is RunState.FINISHED
    assert "ran out of memory" in run.attempts[0].reason
    assert "by the system" not in run.attempts[0].reason


def test_a_lack_of_memory_after_hours_is_still_recognised(stage: Stage) -> None:
    stage.create()

    def count_up() -> None:
        stage.oom_kills = int(stage.clock.monotonic() > 299)

    script = stage.script(exit_code=-9, lives_seconds=300)
    script.on_wait = count_up
    stage.executor.scripts = [script]
    assert stage.supervise().error_id == "killed-out-of-memory"


def test_told_to_leave_it_leaves_and_touches_nothing(stage: Stage) -> None:
    stage.create()
    script = stage.script()
    script.on_wait = lambda: setattr(stage.leave, "is_asked", True)
    stage.executor.scripts = [script]
    with pytest.raises(Left):
        stage.supervise()
    assert stage.executor.calls == ["start"]
    assert not stage.run.is_over


def test_a_superseded_supervisor_writes_nothing_more(stage: Stage) -> None:
    stage.create()
    script = stage.script(lives_seconds=50)
    script.on_wait = stage.once(lambda: stage.store.claim("a-run", SUPERVISOR))
    stage.executor.scripts = [script]
    with pytest.raises(StaleTransition):
        stage.supervise()
    assert "terminate" not in stage.executor.calls
    assert not stage.run.is_over


class Away(FakeRunStore):
    """A store that is away for some calls; `lost_answers` are commits whose answer never arrives."""

    failures = 0
    lost_answers = 0

    def _fail(self) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise StoreUnavailable(url="sqlite://", detail="away")

    def version(self) -> int:
        self._fail()
        return super().version()

    def get(self, run_id: str) -> Run:
        self._fail()
        return super().get(run_id)

    def apply(self, transition: Transition) -> Run:
        self._fail()
        run = super().apply(transition)
        if self.lost_answers > 0:
            self.lost_answers -= 1
            raise StoreUnavailable(url="sqlite://", detail="the answer was lost")
        return run


def test_a_store_that_is_away_for_a_while_harms_no_trainer(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Away)
    assert isinstance(stage.store, Away)
    store = stage.store
    stage.create()
    script = stage.script(lives_seconds=60)
    script.on_wait = stage.once(lambda: setattr(store, "failures", 40))
    stage.executor.scripts = [script]
    run = stage.supervise()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 1)
    assert "kill" not in stage.executor.calls


def test_a_commit_whose_answer_was_lost_is_not_made_twice(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Away)
    assert isinstance(stage.store, Away)
    stage.create()
    stage.store.lost_answers = 1
    stage.executor.scripts = [stage.script(lives_seconds=3)]
    run = stage.supervise()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 1)
    assert stage.states.count(RunState.STARTING) == 1


def test_a_store_of_a_newer_version_is_left_to_newer_supervisors(tmp_path: Path) -> None:
    class Newer(FakeRunStore):
        def apply(self, _: Transition) -> Run:
            raise StoreFromNewerVersion(url="sqlite://", found="9999")

    stage = Stage(tmp_path, Newer)
    stage.create()
    with pytest.raises(StoreFromNewerVersion):
        stage.supervise()


def test_what_an_older_attempt_of_the_same_number_said_is_no_evidence(stage: Stage) -> None:
    """A store that was rebuilt from an older record counts attempts again."""
    stage.create()
    stale = ExitRecord(65, 3, "dataset-empty", "No rows.", "It is empty.", "Fill it.")
    stage.folder.exit_record(1).write_text(stale.to_json())
    stage.executor.scripts = [stage.script(exit_code=-9, lives_seconds=1), stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert run.state is RunState.FINISHED
    assert "SIGKILL" in run.attempts[0].reason


ORDER = "base_model: demo\ndataset: rows.jsonl\ntraining: {batch_size: 8}\n"


def without_memory(stage: Stage, phase: Phase = Phase.TRAINING, *checkpoints: int, **facts: Any) -> Script:
    """A trainer that ends for want of memory, by its own account."""
    script = stage.script(*checkpoints, beats=False, exit_code=70, lives_seconds=1)
    begin = script.on_start

    def on_start(command: Command) -> None:
        assert begin is not None
        begin(command)
        stage.beat(command.environment, phase)
        record = ExitRecord(70, 1, **{"error_id": "out-of-memory", "what": "No memory.", **facts})
        stage.folder.exit_record(int(command.environment[ATTEMPT])).write_text(record.to_json())

    script.on_start = on_start
    return script


def adjustments(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stage.folder.adjustments.read_text())
    return found


def test_a_lack_of_memory_halves_the_micro_batch_and_says_so(stage: Stage) -> None:
    stage.create(failures=3)
    stage.folder.config.write_text(ORDER)
    seen: list[bool] = []
    last = stage.script(lives_seconds=1)
    last.on_wait = lambda: seen.append(stage.folder.adjustments.exists())
    stage.executor.scripts = [without_memory(stage, Phase.TRAINING, 5), without_memory(stage), last]
    run = stage.supervise()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 3)
    assert any("No memory; it goes on with batch_size 8 -> 4, gradient_accumulation 1 -> 2" in r for r in stage.reasons)
    assert [made["changes"] for made in adjustments(stage)] == [
        {"training.batch_size": 4, "training.gradient_accumulation": 2},
        {"training.batch_size": 2, "training.gradient_accumulation": 4},
    ]
    assert [made["attempt"] for made in adjustments(stage)] == [2, 3]
    assert seen[0]
    assert run.attempts[1].resumed_from_step == 5
    assert stage.folder.config.read_text() == ORDER


def test_a_kill_by_the_kernel_for_memory_halves_it_too(stage: Stage) -> None:
    stage.create()
    stage.folder.config.write_text(ORDER)
    script = stage.script(exit_code=-9, lives_seconds=5)
    script.on_wait = lambda: setattr(stage, "oom_kills", 1)
    stage.executor.scripts = [script, stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 2)
    assert "ran out of memory; it goes on with batch_size 8 -> 4" in run.attempts[0].reason


def test_a_model_that_does_not_fit_fails_at_once(stage: Stage) -> None:
    stage.create()
    stage.folder.config.write_text(ORDER)
    stage.executor.scripts = [without_memory(stage, Phase.LOADING)]
    run = stage.supervise()
    assert (run.state, run.error_id, len(run.attempts)) == (RunState.FAILED, "out-of-memory", 1)
    assert not stage.folder.adjustments.exists()


def test_orders_that_cannot_be_changed_are_no_reason_to_repeat_them(stage: Stage) -> None:
    stage.create()
    stage.folder.config.write_text(ORDER)
    stage.folder.adjustments.mkdir()
    stage.executor.scripts = [without_memory(stage)]
    assert stage.supervise().state is RunState.FAILED


def test_a_roll_back_puts_newer_checkpoints_aside_and_is_made_once(stage: Stage) -> None:
    stage.create()
    stage.folder.config.write_text(ORDER)
    facts = {"error_id": "loss-not-finite", "changes": {"training.learning_rate": 1e-4}, "good_step": 7}
    stage.executor.scripts = [
        without_memory(stage, Phase.TRAINING, 5, 10, **facts),
        without_memory(stage, Phase.TRAINING, 10, **facts),
    ]
    run = stage.supervise()
    assert (run.state, run.error_id, len(run.attempts)) == (RunState.FAILED, "loss-not-finite", 2)
    assert run.attempts[1].resumed_from_step == 5
    assert {path.name for path in stage.folder.checkpoints.iterdir()} == {
        "checkpoint-5",
        "checkpoint-10",
        "checkpoint-10.rolled-back",
    }
    assert [(made["kind"], made["good_step"]) for made in adjustments(stage)] == [("roll-back", 7)]
    assert "it goes back to step 7 or before, with learning_rate 0.0002 -> 0.0001" in run.attempts[0].reason


def test_a_supervisor_that_died_while_changing_orders_does_not_change_them_twice(stage: Stage) -> None:
    stage.folder.config.write_text(ORDER)
    changes = {"training.batch_size": 4, "training.gradient_accumulation": 2}
    made = [{"attempt": 2, "kind": "memory", "reason": "it goes on with less", "changes": changes, "good_step": None}]
    stage.folder.adjustments.write_text(json.dumps(made))
    stage.folder.exit_record(1).write_text(ExitRecord(70, 1, "out-of-memory", "No memory.").to_json())
    stage.create(state=RunState.RUNNING, attempts=(an_attempt(ProcessIdentity(7, 7, "boot")),))
    stage.executor.scripts = [stage.script(lives_seconds=1)]
    run = stage.supervise()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 2)
    assert adjustments(stage) == made


def test_a_disk_without_room_pauses_the_run_and_says_how_much_is_missing(stage: Stage) -> None:
    stage.rules = replace(RULES, min_free_bytes=10**18)
    stage.create()
    stage.executor.scripts = [stage.script(7, exit_code=None, on_term=75)]
    run = stage.supervise()
    assert (run.state, run.wish, run.error_id) == (RunState.PAUSED, Wish.PAUSE, "disk-full")
    assert run.message.startswith("Paused: the disk is nearly full: 9")
    assert run.message.endswith("Make room on the disk, then resume the run. Resumed, it goes on from step 7.")
    assert stage.executor.calls.count("terminate") == 1


class Full(FakeRunStore):
    """A store on a disk that is full from some moment on: it takes nothing while what was reserved is there."""

    reserve: Path | None = None
    num_refused = 0

    def apply(self, transition: Transition) -> Run:
        if self.reserve is not None and self.reserve.exists():
            self.num_refused += 1
            raise StoreFull(url="sqlite://", detail="database or disk is full")
        return super().apply(transition)


def test_a_pause_for_want_of_room_is_recorded_in_what_was_reserved_for_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Full)
    assert isinstance(stage.store, Full)
    store, pause = stage.store, "the disk is nearly full"
    stage.create()
    script = stage.script(7, exit_code=None, on_term=75)

    def fill_up() -> None:
        assert stage.folder.reserve.stat().st_size == RESERVE_BYTES
        store.reserve = stage.folder.reserve
        assert stage.supervisor is not None
        stage.supervisor.pause(pause)  # as its own looks at the disk do

    script.on_wait = stage.once(fill_up)
    stage.executor.scripts = [script]
    run = stage.supervise()
    assert (run.state, run.error_id) == (RunState.PAUSED, "disk-full")
    assert pause in run.message
    assert store.num_refused == 1, "the room is there for the second try"


def test_logs_are_capped_while_the_trainer_writes_them(stage: Stage) -> None:
    stage.rules = replace(RULES, log_max_bytes=4096)
    stage.create()
    script = stage.script(lives_seconds=2)
    script.on_wait = stage.once(lambda: stage.folder.log(1).write_text("a line of a flood\n" * 10_000))
    stage.executor.scripts = [script]
    stage.folder.supervisor_log.write_text("a line of ours\n" * 10_000)
    stage.supervise()
    for log in (stage.folder.log(1), stage.folder.supervisor_log):
        assert sum(part.stat().st_size for part in log.parent.glob(f"{log.name}*")) < 4096
