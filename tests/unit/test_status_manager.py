"""What is shown of a run: the store's facts joined with the trainer's own."""

from datetime import timedelta
from pathlib import Path

import pytest

from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run import Attempt
from backend.domain.run_directory import RunDirectory
from backend.domain.states import Liveness, RunState, Wish
from backend.services.status_manager import StatusManager
from backend.store.checkpoints import write_manifest_text
from backend.store.run_files import LocalRunFiles
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, SUPERVISOR, TRAINER, a_run
from tests.fakes.still_executor import StillExecutor


class Watched:
    """A StatusManager over a store in memory and real folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FakeRunStore(FakeClock())
        self.executor = StillExecutor({"supervisor.lock": SUPERVISOR, "trainer.lock": TRAINER})
        self.status = StatusManager(self.store, LocalRunFiles(), self.executor)

    def add(self, run_id: str, state: RunState, **facts: object) -> RunDirectory:
        folder = RunDirectory(self.folder / run_id)
        LocalRunFiles().create(folder.root, f"name: {run_id}\n")
        attempt = Attempt(1, "token", NOON, TRAINER, last_step=7)
        self.store.create(a_run(run_id, run_dir=folder.root, state=state, attempts=(attempt,), **facts))
        return folder


@pytest.fixture
def here(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def beat(**facts: object) -> str:
    plain: dict[str, object] = {
        "token": "token",
        "attempt": 1,
        "pid": 200,
        "phase": Phase.TRAINING,
        "step": 30,
        "total_steps": 120,
        "at": 0.0,
        "seconds_per_step": 0.5,
        "loss": 1.5,
    }
    return Heartbeat(**(plain | facts)).to_json()  # type: ignore[arg-type]


def test_a_running_run_shows_the_trainers_steps_and_an_estimate(here: Watched) -> None:
    here.add("live", RunState.RUNNING).heartbeat.write_text(beat())
    view = here.status.show("live")
    assert (view.step, view.total_steps, view.progress, view.eta_seconds) == (30, 120, 0.25, 45.0)
    assert (view.supervisor_pid, view.trainer_pid) == (100, 200)


def test_an_estimate_beyond_a_day_is_right(here: Watched) -> None:
    here.add("long", RunState.RUNNING).heartbeat.write_text(beat(step=0, total_steps=1_000_000))
    eta = here.status.show("long").eta_seconds
    assert eta is not None
    assert timedelta(seconds=eta) > timedelta(days=5)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": 1}', beat()[:-3], "\x00"])
def test_a_torn_heartbeat_is_none(here: Watched, text: str) -> None:
    here.add("torn", RunState.RUNNING).heartbeat.write_text(text)
    view = here.status.show("torn")
    assert (view.heartbeat, view.step, view.eta_seconds, view.progress) == (None, 0, None, None)


def test_a_heartbeat_of_an_older_attempt_is_not_the_present(here: Watched) -> None:
    here.add("old", RunState.RUNNING).heartbeat.write_text(beat(attempt=0))
    view = here.status.show("old")
    assert view.heartbeat is None
    assert view.phase is None


def test_an_ended_run_has_no_processes_and_no_estimate(here: Watched) -> None:
    here.add("over", RunState.STOPPED, wish=Wish.STOP).heartbeat.write_text(beat(step=5))
    view = here.status.show("over")
    assert (view.supervisor_pid, view.trainer_pid, view.eta_seconds, view.phase) == (None, None, None, None)
    assert view.step == 7  # what the supervisor recorded at the end counts if it is later


def test_unknown_holders_of_a_lock_are_not_shown_as_processes(here: Watched) -> None:
    here.executor.found = {"supervisor.lock": None}
    here.executor.unknown = Liveness.UNKNOWN
    here.add("odd", RunState.RUNNING)
    assert here.status.show("odd").supervisor_pid is None


def test_the_last_checkpoint_is_the_newest_sealed_one(here: Watched) -> None:
    folder = here.add("saved", RunState.RUNNING)
    for step in (20, 40, 60):
        checkpoint = folder.checkpoints / f"checkpoint-{step}"
        checkpoint.mkdir()
        (checkpoint / "adapter_model.safetensors").write_bytes(b"weights")
        if step < 60:
            (checkpoint / "MANIFEST.json").write_text(write_manifest_text(checkpoint, step))
    assert here.status.show("saved").last_checkpoint_step == 40


def test_lists_of_ended_runs_are_remembered_until_the_store_changes(here: Watched) -> None:
    folder = here.add("over", RunState.FINISHED, wish=Wish.STOP)
    first = here.status.list()
    folder.heartbeat.write_text(beat(step=99))
    assert here.status.list() is first
    here.store.annotate("over", notes="changed")
    assert here.status.list()[0].run.notes == "changed"


def test_while_a_run_is_at_work_the_others_are_not_asked_for_again(
    here: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is read once for a thousand runs, however often a page asks; the live one is looked at each time."""
    here.add("over", RunState.FINISHED, wish=Wish.STOP)
    folder = here.add("live", RunState.RUNNING)
    asked: list[None] = []
    every = here.store.list
    monkeypatch.setattr(here.store, "list", lambda: asked.append(None) or every())
    for step in (1, 2, 3):
        folder.heartbeat.write_text(beat(step=step))
        assert {view.id: view.step for view in here.status.list()} == {"live": step, "over": 7}
    assert len(asked) == 1


def test_waiting_runs_are_remembered_but_for_their_places(here: Watched) -> None:
    """A thousand of them must not be looked at in their folders each second."""
    folder = here.add("second", RunState.QUEUED, priority=1)
    here.add("first", RunState.QUEUED, priority=2)
    second, first = sorted(here.status.list(), key=lambda view: view.id, reverse=True)
    assert (second.queue_position, first.queue_position) == (2, 1)
    folder.heartbeat.write_text(beat(step=99))
    assert here.status.show("second") is second
    here.store.set_wish("first", Wish.STOP, "It is not wanted any more.")
    moved = here.status.show("second")
    assert (moved.queue_position, moved.step, moved.run) == (1, second.step, second.run)
    assert {view.id: view.queue_position for view in here.status.list()} == {"second": 1, "first": None}


def test_active_runs_are_those_that_are_not_over(here: Watched) -> None:
    here.add("over", RunState.FAILED, wish=Wish.STOP)
    here.add("live", RunState.BACKOFF)
    assert [view.id for view in here.status.active()] == ["live"]


def test_json_has_what_programs_rely_on(here: Watched) -> None:
    here.add("live", RunState.RUNNING).heartbeat.write_text(beat())
    json = here.status.show("live").to_json()
    promised = {
        "id",
        "name",
        "state",
        "wish",
        "step",
        "total_steps",
        "message",
        "run_dir",
        "supervisor_pid",
        "trainer_pid",
        "last_checkpoint_step",
        "attempts",
    }
    assert promised <= set(json)
    per_attempt = {"number", "pid", "started_at", "ended_at", "exit_code", "resumed_from_step", "reason"}
    assert per_attempt <= set(json["attempts"][0])


def test_the_log_is_the_end_of_the_latest_attempt(here: Watched) -> None:
    folder = here.add("live", RunState.RUNNING)
    folder.log(1).write_text("first\n" + "x" * 50 + "\n\x1b[31mred\x1b[0m 10%\r20%\rdone\n")
    assert here.status.log("live") == "first\n" + "x" * 50 + "\ndone\n"
    assert here.status.log("live", max_bytes=30).startswith("done")
    assert here.status.log("live", attempt=9) == ""


def test_the_order_is_shown_as_written(here: Watched) -> None:
    here.add("live", RunState.RUNNING)
    assert here.status.config_text("live") == "name: live\n"


def test_beside_a_run_at_work_the_others_are_not_asked_for_again(
    here: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.add("over", RunState.FINISHED, wish=Wish.STOP)
    live = here.add("live", RunState.RUNNING)
    live.heartbeat.write_text(beat(step=1))
    here.status.list()
    monkeypatch.setattr(here.store, "list", lambda: pytest.fail("the store is asked again"))
    live.heartbeat.write_text(beat(step=2))
    assert {view.id: view.step for view in here.status.list()} == {"live": 2, "over": 7}
