"""Who gets places, as every program that looks after runs decides it, on a store in memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain.machine import Gpu, GpuReading
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.domain.transition import Arrangement
from backend.probes.places import LocalPlaces
from backend.services.errors import QueueCircle, RunNotWaiting
from backend.services.process_manager import ProcessManager, SupervisorProgram
from backend.services.run_queue import RunQueue
from backend.services.scheduler import Scheduler
from backend.services.status_manager import StatusManager
from backend.store.errors import RunNotFound
from backend.store.files import read_text
from backend.store.run_files import LocalRunFiles
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script
from tests.fakes.machine import FakeMachine
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run

GB = 1_000_000_000
ORDER = "base_model: demo\ndataset: sample:demo.jsonl\n"


class Office:
    """A scheduler over runs in real folders, with everything around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.store = FakeRunStore(self.clock)
        self.executor = FakeExecutor(self.clock)
        self.machine = FakeMachine()
        self.places = LocalPlaces(self.machine, 1)
        self.scheduler = Scheduler(self.store, self.executor, self.clock, self.places)
        program = SupervisorProgram(("supervise",), folder, {})
        self.manager = ProcessManager(self.store, self.executor, self.clock, program, self.places)
        self.queue = RunQueue(self.store, self.manager)

    def add(self, run_id: str, order: str = ORDER, **facts: object) -> None:
        run = a_run(run_id, name=run_id, run_dir=self.folder / run_id, created_at=self.clock.now(), **facts)
        LocalRunFiles().create(run.run_dir, order)
        self.store.create(replace(run, updated_at=run.created_at, queued_at=run.created_at))
        self.executor.scripts.append(Script())
        self.clock.advance(1)

    def gpus(self, *used: int) -> None:
        gpus = (Gpu(i, "H200", f"GPU-{i}", 80 * GB, gb * GB) for i, gb in enumerate(used))
        self.machine.reading = GpuReading(gpus=tuple(gpus))

    def slots(self) -> dict[str, str]:
        self.scheduler.arrange()
        return dict(self.store.slots())

    def run(self, run_id: str) -> Run:
        return self.store.get(run_id)

    def end(self, run_id: str) -> None:
        """As its supervisor would write it."""
        run = self.run(run_id)
        self.store.restore(replace(run, state=RunState.FINISHED, wish=Wish.STOP, slots=()), ())

    def line(self) -> list[str]:
        return [run.id for run in self.queue.waiting().line]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return Office(tmp_path)


def test_one_gets_the_place_and_the_others_wait_and_say_for_what(office: Office) -> None:
    office.add("one")
    office.add("two")
    assert office.slots() == {"cpu:0": "one"}
    one, two = office.run("one"), office.run("two")
    assert (one.state, one.message) == (RunState.CREATED, "Starts on cpu:0.")
    assert (two.state, two.message) == (RunState.QUEUED, "Waits until the CPU is free.")
    assert [line.reason for line in office.store.journal("two")] == ["queued: Waits until the CPU is free."]


def test_nothing_is_written_and_no_run_is_read_while_nothing_changes(office: Office) -> None:
    office.add("one")
    office.add("two")
    office.gpus(0)
    office.scheduler.arrange()
    version, calls = office.store.version(), []
    for name in ("unsettled", "list", "get", "slots"):
        setattr(office.store, name, lambda *_: calls.append(1))
    for _ in range(5):
        office.scheduler.arrange()
    assert (office.store.version(), calls) == (version, [])


def test_a_device_that_becomes_free_by_itself_is_noticed(office: Office) -> None:
    office.gpus(70)
    office.add("one")
    assert office.slots() == {}
    assert office.run("one").message == "Waits for a GPU; other programs fill gpu:0."
    office.gpus(3)
    assert office.slots() == {"gpu:0": "one"}


def test_what_a_run_needs_is_read_from_its_order(office: Office) -> None:
    office.gpus(0, 0, 40)
    office.add("two", f"{ORDER}devices: {{processes: 2, memory_bytes: {60 * GB}}}\n")
    office.add("cpu", f"{ORDER}devices: {{kind: cpu}}\n")
    office.add("large", f"{ORDER}devices: {{memory_bytes: {60 * GB}}}\n")
    office.add("unreadable", "a: [")
    assert office.slots() == {"gpu:0": "two", "gpu:1": "two", "cpu:0": "cpu", "gpu:2": "unreadable"}
    assert office.run("large").message == "Waits until a GPU with 60 GB is free."


def test_a_run_whose_forerunner_failed_waits_and_says_so(office: Office) -> None:
    office.add("one", state=RunState.FAILED, wish=Wish.STOP)
    office.add("two", after="one")
    office.add("three", after="gone")
    assert office.slots() == {}
    assert office.run("two").message == "Waits for one, which failed; resume one, or start this one without it."
    assert office.run("three").message == "Waits for gone, which is gone; start this one without it."
    office.store.set_wish("one", Wish.RUN, "again")
    assert office.slots() == {"cpu:0": "one"}
    assert office.run("two").message == "Waits for the end of one."
    office.end("one")
    assert office.slots() == {"cpu:0": "two"}


def test_a_run_that_goes_on_after_its_end_stands_behind_those_who_came_before_that_wish(office: Office) -> None:
    office.add("work", state=RunState.RUNNING, slots=("cpu:0",))
    office.add("failed", state=RunState.FAILED, wish=Wish.STOP, failures=3, error_id="python-error")
    office.add("other")
    office.store.set_wish("failed", Wish.RUN, "again")
    office.scheduler.arrange()
    failed = office.run("failed")
    assert office.line() == ["other", "failed"]
    assert (failed.state, failed.failures, failed.error_id) == (RunState.QUEUED, 0, "")


def test_what_works_without_a_place_gets_one_and_its_message_stays(office: Office) -> None:
    office.add("old", state=RunState.RUNNING, message="Attempt 1 is running.")
    office.add("older", state=RunState.BACKOFF)
    office.add("new")
    slots = office.slots()
    assert list(slots) == ["cpu:0"]
    assert slots["cpu:0"] in ("old", "older")
    assert office.run("old").message == "Attempt 1 is running."
    assert {run.id for run in office.scheduler.arrange()} == {"old", "older", "new"}
    assert set(office.manager.reconcile().started) == {"old", "older"}, "both are looked after, place or not"


def test_a_place_of_a_run_that_will_not_start_is_taken_back(office: Office) -> None:
    office.add("one", state=RunState.STOPPED, wish=Wish.STOP, slots=("cpu:0",))
    office.add("two")
    assert office.slots() == {"cpu:0": "two"}
    assert office.store.journal("one")[-1].reason == "gave its places back unused"


def test_a_paused_run_that_keeps_its_place_keeps_it(office: Office) -> None:
    office.add("one", state=RunState.PAUSED, wish=Wish.PAUSE, slots=("cpu:0",), keeps_slot=True)
    office.add("two")
    assert office.slots() == {"cpu:0": "one"}
    office.store.set_wish("one", Wish.RUN, "go on")
    assert office.manager.reconcile().started == ("one",)


@pytest.mark.parametrize("state", [RunState.CREATED, RunState.QUEUED])
@pytest.mark.parametrize(
    ("wish", "target"),
    [(Wish.PAUSE, RunState.PAUSED), (Wish.STOP, RunState.STOPPED), (Wish.STOP_NOW, RunState.STOPPED)],
)
def test_what_has_not_begun_is_held_or_stopped_without_a_process(
    office: Office, state: RunState, wish: Wish, target: RunState
) -> None:
    office.add("one", state=state, wish=wish, slots=("cpu:0",))
    office.add("two")
    report = office.manager.reconcile()
    assert (report.started, office.run("one").state) == (("two",), target)


def test_nothing_is_written_about_a_run_that_somebody_looks_after(office: Office) -> None:
    office.add("work", state=RunState.RUNNING, slots=("cpu:0",))
    office.add("one")
    office.executor.adoptable(RunDirectory(office.run("one").run_dir).supervisor_lock, Script())
    office.scheduler.arrange()
    assert office.run("one").state is RunState.CREATED


def test_a_run_of_which_nobody_can_tell_blocks_nobody(office: Office) -> None:
    office.add("one")
    office.add("two")
    office.executor.make_unknown(RunDirectory(office.run("one").run_dir).supervisor_lock)
    assert office.slots() == {"cpu:0": "two"}


def test_a_plan_for_a_store_that_changed_meanwhile_is_made_anew(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.add("late")
    arrange = office.store.arrange
    tries: list[bool] = []

    def meddle(version: int, change: Arrangement) -> bool:
        if not tries:
            office.add("urgent", priority=1)
        tries.append(arrange(version, change))
        return tries[-1]

    monkeypatch.setattr(office.store, "arrange", meddle)
    assert office.slots() == {"cpu:0": "urgent"}
    assert tries == [False, True]


def test_the_order_can_be_changed(office: Office) -> None:
    office.add("work", state=RunState.RUNNING, slots=("cpu:0",))
    for name in ("a", "b", "c"):
        office.add(name)
    office.manager.reconcile()
    office.queue.move("c", 1)
    assert office.line() == ["c", "a", "b"]
    assert office.store.journal("c")[-1].reason == "moved to place 1 of the queue"
    office.queue.move("c", 2)
    assert office.line() == ["a", "c", "b"]
    office.queue.set_priority("b", 3)
    assert office.line() == ["b", "a", "c"]
    office.queue.hold("b")
    assert (office.line(), [run.id for run in office.queue.waiting().held]) == (["a", "c"], ["b"])
    office.queue.hold("b")
    office.queue.release("b")
    office.queue.release("b")
    assert office.line() == ["b", "a", "c"]
    status = StatusManager(office.store, LocalRunFiles(), office.executor)
    places = {view.id: view.queue_position for view in status.list()}
    assert places == {"work": None, "a": 2, "b": 1, "c": 3}
    assert status.show("c").to_json()["queue_position"] == 3
    assert status.show("work").to_json()["slots"] == ["cpu:0"]


def test_runs_that_do_not_wait_have_no_place_to_change(office: Office) -> None:
    office.add("work", state=RunState.RUNNING, slots=("cpu:0",))
    queue = office.queue
    for act in (lambda: queue.move("work", 1), lambda: queue.hold("work"), lambda: queue.set_priority("work", 1)):
        with pytest.raises(RunNotWaiting, match="run-not-waiting"):
            act()
    with pytest.raises(RunNotFound):
        queue.hold("nobody")


def test_runs_do_not_wait_for_one_another_in_a_circle(office: Office) -> None:
    office.add("work", state=RunState.RUNNING, slots=("cpu:0",))
    for name in ("a", "b", "c"):
        office.add(name)
    office.queue.wait_for("a", "work")
    office.queue.wait_for("b", "a")
    office.queue.wait_for("c", "b")
    for other in ("a", "b", "c"):
        with pytest.raises(QueueCircle, match="queue-circle"):
            office.queue.wait_for("a", other)
    office.queue.wait_for("b", "")
    office.queue.wait_for("a", "c")
    assert [office.run(name).after for name in ("a", "b", "c")] == ["c", "", "b"]


def test_two_threads_of_one_program_do_not_disturb_each_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one looks, another one looks at an older picture, in which some runs are not yet there."""
    office.add("one")
    before = office.store.unsettled()
    office.add("two")
    office.add("three")
    is_inside = False

    def read_while_the_other_looks(path: Path) -> str | None:
        nonlocal is_inside
        if not is_inside and path.parent.name == "three":
            is_inside = True
            with monkeypatch.context() as other:
                other.setattr(office.store, "unsettled", lambda: before)
                other.setattr(office.store, "version", lambda: -1)
                office.scheduler._look()
        return read_text(path)

    monkeypatch.setattr("backend.services.scheduler.read_text", read_while_the_other_looks)
    assert [run.id for run in office.scheduler.arrange()] == ["three", "two", "one"]


def test_a_run_that_is_deleted_while_the_queue_is_looked_at_disturbs_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.add("paused", state=RunState.PAUSED, wish=Wish.PAUSE, keeps_slot=True, slots=("cpu:0",))
    office.add("next")
    slots = office.store.slots

    def slots_before_the_deletion() -> dict[str, str]:
        monkeypatch.setattr(office.store, "slots", slots)
        found = dict(slots())
        office.store.delete("paused")
        return found

    monkeypatch.setattr(office.store, "slots", slots_before_the_deletion)
    assert office.slots() == {"cpu:0": "next"}


def test_a_run_may_wait_for_one_whose_own_predecessor_was_deleted(office: Office) -> None:
    office.add("first")
    office.slots()
    office.add("second", after="gone")
    office.add("third")
    office.queue.wait_for("third", "second")
    assert office.run("third").after == "second"


def test_a_run_that_starts_while_it_is_moved_is_not_waiting_any_more(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.add("one")
    office.add("two")
    monkeypatch.setattr(office.store, "unsettled", lambda: [office.run("one")])
    with pytest.raises(RunNotWaiting):
        office.queue.move("two", 1)
