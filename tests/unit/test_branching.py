"""Starting over, extending, forking: what is written, what is refused, and what is left when it goes wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from backend.domain.adjustments import read_adjustments
from backend.domain.branches import forked
from backend.domain.run import Attempt, Origin, Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.services.branching import Branching
from backend.services.errors import CannotExtend, CannotFork, ConfigInvalid
from backend.store import branch_files
from backend.store.branch_files import LocalBranchFiles
from backend.store.checkpoints import MANIFEST, write_manifest_text
from backend.store.errors import (
    CheckpointDamaged,
    CheckpointMissing,
    CheckpointNotTaken,
    OrdersNotWritten,
    ResultNotKept,
)
from backend.store.orders import Orders
from backend.store.run_files import LocalRunFiles
from tests.fakes.runs import NOON, a_run
from tests.unit.test_training_service import Surroundings

DONE = Attempt(1, "t", NOON, ended_at=NOON, exit_code=0, last_step=12)


class Here(Surroundings):
    """A finished run with checkpoints of the steps 10 and 12, and the services around it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        rows = [f'{{"prompt": "q{i}", "completion": "a{i}"}}\n' for i in range(20)]
        (folder / "rows.jsonl").write_text("".join(rows))
        self.files = LocalBranchFiles()
        self.branching = Branching(self.store, self.files, self.processes, self.training, self.configs)
        self.folder = RunDirectory(folder / "runs" / "done")
        config = self.order(dataset=str(folder / "rows.jsonl"), training={"max_steps": 12})
        LocalRunFiles().create(self.folder.root, self.configs.dump(config))
        for step in (10, 12):
            self.checkpoint(step)
        self.folder.adapter.mkdir()
        (self.folder.adapter / "adapter_model.safetensors").write_text("of step 12")
        self.store.create(a_run("done", run_dir=self.folder.root, attempts=(DONE,), **FINISHED))

    def checkpoint(self, step: int) -> None:
        path = self.folder.checkpoints / f"checkpoint-{step}"
        (path / "part").mkdir(parents=True)
        (path / "part" / "weights").write_text(f"of step {step}")
        (path / MANIFEST).write_text(write_manifest_text(path, step))

    @property
    def new(self) -> list[Run]:
        return [run for run in self.store.list() if run.id != "done"]


FINISHED: dict[str, Any] = {"state": RunState.FINISHED, "wish": Wish.STOP}


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_starting_over_makes_a_new_run_with_the_same_order_and_leaves_the_old_one(here: Here) -> None:
    before = here.store.get("done")
    run = here.branching.start_over("done")
    assert (run.origin, run.wish, here.processes.started) == (Origin("done", "start-over"), Wish.RUN, [run.id])
    assert RunDirectory(run.run_dir).config.read_text() == here.folder.config.read_text()
    assert list(RunDirectory(run.run_dir).checkpoints.iterdir()) == []
    assert here.store.get("done") == before


def test_extending_changes_the_order_for_the_next_attempt_and_says_so(here: Here) -> None:
    run = here.branching.extend("done", 8)
    (change,) = read_adjustments(here.folder.adjustments)
    assert (change.kind, change.attempt, change.changes, change.good_step) == (
        "extension",
        2,
        {"training.max_steps": 20},
        12,
    )
    assert (run.wish, here.processes.started) == (Wish.RUN, ["done"])
    assert here.store.journal("done")[-1].reason == "It was extended by 8 steps, from step 12 to 20."


def test_an_extension_that_never_began_is_replaced_by_the_next_one(here: Here) -> None:
    here.branching.extend("done", 8)
    here.store.set_wish("done", Wish.STOP, "changed my mind")
    here.branching.extend("done", 3)
    assert [change.changes for change in read_adjustments(here.folder.adjustments)] == [{"training.max_steps": 15}]


@pytest.mark.parametrize(
    ("facts", "steps", "why"),
    [
        ({"state": RunState.STOPPED}, 5, "only a finished run"),
        ({"state": RunState.RUNNING, "wish": Wish.RUN}, 5, "only a finished run"),
        ({"wish": Wish.RUN}, 5, "about to go on"),
        ({}, 0, "At least one step"),
    ],
)
def test_what_cannot_be_extended_is_refused(here: Here, facts: dict[str, Any], steps: int, why: str) -> None:
    here.store.delete("done")
    here.store.create(a_run("done", run_dir=here.folder.root, attempts=(DONE,), **FINISHED | facts))
    with pytest.raises(CannotExtend, match=why):
        here.branching.extend("done", steps)
    assert not here.folder.adjustments.exists()


def test_a_run_without_a_whole_checkpoint_or_folder_cannot_be_extended(here: Here) -> None:
    for step in (10, 12):
        (here.folder.checkpoints / f"checkpoint-{step}" / "part" / "weights").write_text("flipped")
    with pytest.raises(CannotExtend, match="no whole checkpoint"):
        here.branching.extend("done", 5)
    here.folder.root.rename(here.folder.root.with_name("moved"))
    with pytest.raises(CannotExtend, match="folder is gone"):
        here.branching.extend("done", 5)


def test_a_method_that_lays_itself_out_over_all_steps_cannot_be_extended(here: Here) -> None:
    config = here.order(method="adalora", training={"max_steps": 12})
    here.folder.config.write_text(here.configs.dump(config))
    with pytest.raises(CannotExtend, match="adalora"):
        here.branching.extend("done", 5)
    assert forked(config, {"training.max_steps": 20}, 10)[1]


def test_damaged_changed_orders_are_told_and_kept(here: Here) -> None:
    here.folder.adjustments.write_text("{")
    with pytest.raises(OrdersNotWritten, match="orders-not-written"):
        here.branching.extend("done", 5)
    assert here.folder.adjustments.read_text() == "{"


def test_the_former_result_is_put_beside_once_and_only_for_an_extension(here: Here) -> None:
    orders = Orders(here.folder.root)
    assert orders.make_way(2) == ""
    here.branching.extend("done", 5)
    assert orders.make_way(1) == ""
    assert here.folder.adapter.exists()
    assert orders.make_way(2) == "adapter-step-12"
    assert orders.make_way(2) == ""
    here.folder.adapter.mkdir()
    assert orders.make_way(2) == "adapter-step-12-2"
    assert (here.folder.root / "adapter-step-12" / "adapter_model.safetensors").read_text() == "of step 12"


def test_a_result_that_cannot_be_put_beside_stops_the_extension(here: Here) -> None:
    here.folder.adjustments.write_text("{")
    with pytest.raises(ResultNotKept, match="result-not-kept"):
        Orders(here.folder.root).make_way(2)


def test_a_fork_takes_the_verified_checkpoint_the_changed_order_and_remembers_where_it_came_from(here: Here) -> None:
    run = here.branching.fork("done", 10, {"training.learning_rate": 1e-5, "training.max_steps": 30}, "gentler")
    assert (run.name, run.origin, run.wish) == ("gentler", Origin("done", "fork", 10), Wish.RUN)
    folder = RunDirectory(run.run_dir)
    taken = folder.checkpoints / "checkpoint-10" / "part" / "weights"
    assert taken.read_text() == "of step 10"
    assert taken.stat().st_ino == (here.folder.checkpoints / "checkpoint-10" / "part" / "weights").stat().st_ino
    assert here.files.newest_whole(folder.root) == 10
    config = here.configs.read(folder.config)
    assert (config.training.learning_rate, config.training.max_steps) == (1e-5, 30)
    assert here.branching.fork("done", 12, {"training.max_steps": 30}).name == "A run, from step 12"


def test_without_hard_links_the_files_are_copied(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branch_files, "_linked", lambda *_: False)
    run = here.branching.fork("done", 10, {})
    taken = RunDirectory(run.run_dir).checkpoints / "checkpoint-10" / "part" / "weights"
    assert taken.stat().st_nlink == 1
    assert here.files.newest_whole(run.run_dir) == 10
    assert not branch_files._linked(taken, Path("/proc/x"))


def test_a_fork_of_a_run_with_changed_orders_begins_from_those(here: Here) -> None:
    here.branching.extend("done", 8)
    run = here.branching.fork("done", 12, {"training.learning_rate": 1e-5})
    assert here.configs.read(RunDirectory(run.run_dir).config).training.max_steps == 20


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"base_model.path": "other/model"}, "base_model"),
        ({"dataset.path": "sample:demo.jsonl"}, "dataset"),
        ({"method": {"name": "dora"}}, "method"),
        ({"method.rank": 4}, "method"),
        ({"quantization": {"name": "int8"}}, "quantization"),
        ({"recipe": {"name": "pretrain"}}, "recipe.name"),
        ({"training.seed": 1}, "training.seed"),
        ({"training.optimizer": "sgd"}, "training.optimizer"),
        ({"training.epochs": 9}, "training.max_steps"),
        ({"training.batch_size": 8}, "4 rows"),
        ({"training.max_steps": 10}, "more than 10"),
    ],
)
def test_settings_that_do_not_fit_the_checkpoint_are_refused_by_name(
    here: Here, changes: dict[str, JsonValue], key: str
) -> None:
    with pytest.raises(CannotFork, match=key):
        here.branching.fork("done", 10, changes)
    assert here.new == []


@pytest.mark.parametrize(
    "changes",
    [
        {"training.batch_size": 2, "training.gradient_accumulation": 2},
        {"training.optimizer": "adamw_torch"},
        {"training.scheduler": "constant", "guards.max_rollbacks": 3, "training.save_steps": 2},
    ],
)
def test_what_fits_the_checkpoint_may_change(here: Here, changes: dict[str, JsonValue]) -> None:
    config = RunConfig.model_validate({"base_model": "demo", "dataset": "x", "training": {"max_steps": 12}})
    assert forked(config, changes, 10)[1] == []


@pytest.mark.parametrize("changes", [{"training.nonsense": 1}, {"no.such.thing": 1}, {"training.learning_rate": -1}])
def test_settings_that_cannot_be_are_named(here: Here, changes: dict[str, JsonValue]) -> None:
    with pytest.raises(ConfigInvalid, match=next(iter(changes))):
        here.branching.fork("done", 10, changes)


def test_a_damaged_or_missing_checkpoint_is_refused_and_nothing_is_left(here: Here) -> None:
    with pytest.raises(CheckpointMissing, match="12, 10"):
        here.branching.fork("done", 11, {})
    (here.folder.checkpoints / "checkpoint-10" / "part" / "weights").write_text("flipped")
    with pytest.raises(CheckpointDamaged, match="part/weights is not as it was written"):
        here.branching.fork("done", 10, {})
    assert here.new == []
    assert list(here.folder.root.parent.iterdir()) == [here.folder.root]


def test_a_checkpoint_that_is_deleted_meanwhile_is_told(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanish(folder: Path, staging: Path) -> None:
        raise FileNotFoundError(2, "No such file or directory", str(folder))

    monkeypatch.setattr(branch_files, "_bring", vanish)
    with pytest.raises(CheckpointNotTaken, match="No such file"):
        here.branching.fork("done", 10, {})
    assert here.new == []


def test_settings_are_read_as_yaml(here: Here) -> None:
    found = here.configs.changes(["training.learning_rate=1e-5", "method.targets=[a, b]"])
    assert found == {"training.learning_rate": 1e-5, "method.targets": ["a", "b"]}
    assert json.dumps(found)
    with pytest.raises(ConfigInvalid, match="key=value"):
        here.configs.changes(["nonsense"])
