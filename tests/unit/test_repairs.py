"""The change that is offered after a failure, and what taking it does."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.domain.adjustments import read_adjustments
from backend.domain.exit_record import ExitRecord
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run import Attempt, ProcessIdentity
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.executors import lock_file
from backend.services.errors import NothingToChange, RunIsActive
from backend.services.repairs import Repairs
from backend.store.errors import OrdersNotWritten
from backend.store.orders import Orders
from backend.store.run_files import LocalRunFiles
from tests.fakes.clock import FakeClock
from tests.fakes.processes import FakeProcesses
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, a_run
from tests.fakes.still_executor import StillExecutor

ORDER = "base_model: demo\ndataset: sample:demo.jsonl\ntraining:\n  batch_size: 8\n"


class Workshop:
    def __init__(self, folder: Path, held: dict[str, ProcessIdentity | None] | None = None) -> None:
        self.store = FakeRunStore(FakeClock())
        self.processes = FakeProcesses()
        self.folder = RunDirectory(folder / "a-run")
        self.repairs = Repairs(self.store, LocalRunFiles(), StillExecutor(held), self.processes, lock_file.held)

    def add(self, error_id: str, state: RunState = RunState.FAILED, wish: Wish = Wish.STOP) -> None:
        LocalRunFiles().create(self.folder.root, ORDER)
        attempts = (Attempt(3, "token", NOON, ended_at=NOON, exit_code=70),)
        run_dir = self.folder.root
        self.store.create(a_run(run_dir=run_dir, state=state, wish=wish, error_id=error_id, attempts=attempts))

    def words(self) -> str | None:
        found = self.repairs.offer("a-run")
        return found.words if found else None


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_the_offer_keeps_the_effective_batch_and_taking_it_goes_on(shop: Workshop) -> None:
    shop.add("gpu-out-of-memory")
    words = "batch_size 8 -> 4, gradient_accumulation 1 -> 2"
    assert shop.words() == words
    run = shop.repairs.apply_change("a-run")
    assert (run.wish, shop.processes.started) == (Wish.RUN, ["a-run"])
    (change,) = read_adjustments(shop.folder.adjustments)
    assert (change.attempt, change.kind) == (4, "repair")
    assert words in change.reason
    assert words in shop.store.journal("a-run")[-1].reason
    order = Orders(shop.folder.root).read()
    assert order is not None
    assert (order.training.batch_size, order.effective_batch_size) == (4, 8)
    assert shop.folder.config.read_text() == ORDER, "run.yaml stays as it was written"


def test_after_a_second_failure_the_next_change_is_offered_on_top_of_the_first(shop: Workshop) -> None:
    shop.add("out-of-memory")
    shop.repairs.apply_change("a-run")
    shop.store.set_wish("a-run", Wish.STOP, "as after another failure")
    assert shop.words() == "batch_size 4 -> 2, gradient_accumulation 2 -> 4"


def test_before_training_only_a_smaller_model_helps_against_a_lack_of_memory(shop: Workshop) -> None:
    shop.add("gpu-out-of-memory")
    shop.folder.heartbeat.write_text(Heartbeat("token", 3, 1, Phase.LOADING, 0, 0, 0.0).to_json())
    assert shop.words() == "quantization none -> nf4"
    shop.repairs.apply_change("a-run")
    order = Orders(shop.folder.root).read()
    assert order is not None
    assert order.quantization.name == "nf4"


def test_what_the_trainer_proposed_itself_comes_first(shop: Workshop) -> None:
    shop.add("guard-tripped")
    record = ExitRecord(70, 9, "guard-tripped", changes={"training.learning_rate": 1e-5}, good_step=0)
    shop.folder.exit_record(3).write_text(record.to_json())
    assert shop.words() == "learning_rate 0.0002 -> 1e-05"
    shop.repairs.apply_change("a-run")
    assert read_adjustments(shop.folder.adjustments)[0].good_step == 0


@pytest.mark.parametrize(
    ("error_id", "state", "wish"),
    [
        ("", RunState.FAILED, Wish.STOP),
        ("network", RunState.FAILED, Wish.STOP),
        ("nothing-to-train", RunState.FAILED, Wish.STOP),  # nothing would become another
        ("out-of-memory", RunState.FAILED, Wish.RUN),
        ("out-of-memory", RunState.RUNNING, Wish.RUN),
        ("out-of-memory", RunState.FINISHED, Wish.STOP),
    ],
)
def test_nothing_is_offered_where_nothing_helps_or_the_run_is_not_at_rest(
    shop: Workshop, error_id: str, state: RunState, wish: Wish
) -> None:
    shop.add(error_id, state, wish)
    assert shop.words() is None
    with pytest.raises((NothingToChange, RunIsActive)):
        shop.repairs.apply_change("a-run")
    assert not shop.folder.adjustments.exists()
    assert shop.processes.started == []


def test_an_order_that_cannot_be_read_is_no_offer(shop: Workshop) -> None:
    shop.add("out-of-memory")
    shop.folder.config.write_text("method: [")
    assert shop.words() is None


def test_a_supervisor_that_lives_keeps_its_orders(shop: Workshop) -> None:
    shop.add("out-of-memory")
    handle = lock_file.take(shop.folder.supervisor_lock)
    assert handle is not None
    with pytest.raises(RunIsActive):
        shop.repairs.apply_change("a-run")
    assert not shop.folder.adjustments.exists()


def test_a_trainer_that_may_live_keeps_its_orders(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, {"trainer.lock": None})
    shop.add("out-of-memory")
    with pytest.raises(RunIsActive):
        shop.repairs.apply_change("a-run")


def test_the_lock_is_free_again_when_the_supervisor_is_started(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add("out-of-memory")
    held: list[bool] = []
    monkeypatch.setattr(shop.processes, "start", lambda _: held.append(lock_file.is_held(shop.folder.supervisor_lock)))
    shop.repairs.apply_change("a-run")
    assert held == [False]


def test_a_second_click_at_the_same_time_changes_nothing_more(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gets the lock after it finds that the run is to go on already."""
    shop.add("out-of-memory")
    wish_when_free: list[Wish] = []

    @contextmanager
    def held(path: Path) -> Iterator[bool]:
        with lock_file.held(path) as is_ours:
            yield is_ours
        wish_when_free.append(shop.store.get("a-run").wish)

    monkeypatch.setattr(shop.repairs, "_hold", held)
    shop.repairs.apply_change("a-run")
    assert wish_when_free == [Wish.RUN]
    with pytest.raises(RunIsActive):
        shop.repairs.apply_change("a-run")


def test_orders_that_cannot_be_written_are_said_and_nothing_is_started(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    shop.add("out-of-memory")
    monkeypatch.setattr("backend.store.orders.replace_text", full)
    with pytest.raises(OrdersNotWritten, match="No space"):
        shop.repairs.apply_change("a-run")
    assert (shop.processes.started, shop.store.get("a-run").wish) == ([], Wish.STOP)
