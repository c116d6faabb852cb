"""Starting, stopping and resuming runs, on real folders and a store in memory."""

from pathlib import Path
from typing import Any

import pytest

from backend.domain.run_directory import RUN_ID, RunDirectory
from backend.domain.states import RunState, Wish
from backend.services.config_service import ConfigService
from backend.services.errors import PreflightFailed, RunIsFinished
from backend.services.preflight import Preflight
from backend.services.training import TrainingService
from backend.store.errors import RunFolderNotMade, RunNotFound
from backend.store.run_files import LocalRunFiles
from config.yaml_files import read_yaml
from tests.fakes.clock import FakeClock
from tests.fakes.processes import FakeProcesses
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run

GIGABYTE = 10**9


class Surroundings:
    """A TrainingService with everything it touches."""

    def __init__(self, folder: Path, free_bytes: int = GIGABYTE, missing: str = "") -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.store = FakeRunStore(self.clock)
        self.processes = FakeProcesses()
        self.configs = ConfigService()
        version = lambda name: None if name == missing else "1.0"  # noqa: E731
        preflight = Preflight(
            folder, lambda _: free_bytes, version, min_free_bytes=200_000_000, log_max_bytes=50_000_000
        )
        self.training = TrainingService(
            self.store, LocalRunFiles(), self.processes, preflight, self.configs, self.clock, folder / "runs"
        )

    def order(self, **changes: Any) -> Any:
        return self.configs.parse({"name": "a name", "base_model": "demo", "dataset": "rows.jsonl"} | changes)


@pytest.fixture
def here(tmp_path: Path) -> Surroundings:
    rows = [f'{{"prompt": "q{i}", "completion": "a{i}"}}\n' for i in range(20)]
    (tmp_path / "rows.jsonl").write_text("".join(rows))
    return Surroundings(tmp_path)


def test_starting_writes_row_folder_and_wish_and_asks_for_a_supervisor(here: Surroundings) -> None:
    run = here.training.start(here.order(), here.folder)
    assert (run.state, run.wish, run.name) == (RunState.CREATED, Wish.RUN, "a name")
    assert RUN_ID.match(run.id)
    assert here.processes.started == [run.id]
    assert RunDirectory(run.run_dir).logs.is_dir()


def test_the_written_order_can_be_started_again_from_anywhere(here: Surroundings, tmp_path: Path) -> None:
    run = here.training.start(here.order(method="dora"), here.folder)
    config = here.configs.parse(read_yaml(RunDirectory(run.run_dir).config))
    assert config.dataset.path == str(tmp_path / "rows.jsonl")
    again = here.training.start(config, Path("/"))
    assert again.id != run.id


def test_names_of_datasets_stay_and_paths_of_mixed_ones_become_absolute(here: Surroundings, tmp_path: Path) -> None:
    (here.folder / "more.jsonl").write_text((here.folder / "rows.jsonl").read_text())
    mix = [{"path": "more.jsonl", "weight": 2}, {"path": "sample:demo.jsonl"}]
    mixed = here.training.start(here.order(dataset={"path": "rows.jsonl", "mix": mix}), here.folder)
    config = here.configs.parse(read_yaml(RunDirectory(mixed.run_dir).config))
    assert [part.path for part in config.dataset.mix] == [str(tmp_path / "more.jsonl"), "sample:demo.jsonl"]
    hub = here.training.start(here.order(dataset={"path": "hub:org/chats"}), here.folder)
    assert hub.dataset == "hub:org/chats"


def test_a_local_model_folder_becomes_absolute(here: Surroundings) -> None:
    model = here.folder / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"")
    run = here.training.start(here.order(base_model="model"), here.folder)
    assert run.base_model == str(model)


def test_a_model_folder_is_found_in_the_home_folder(here: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here.folder))
    model = here.folder / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"")
    assert here.training.start(here.order(base_model="~/model"), here.folder).base_model == str(model)


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"base_model": "~nobody-of-this-name/model"}, "model-not-found"),
        ({"base_model": "long/" * 2000}, "model-not-found"),
        ({"dataset": "nothing.jsonl"}, "dataset-not-found"),
        ({"base_model": "no/such/folder"}, "model-not-found"),
        ({"base_model": "/nowhere"}, "model-not-found"),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_is_written(
    here: Surroundings, changes: dict[str, Any], error_id: str
) -> None:
    with pytest.raises(PreflightFailed, match=error_id):
        here.training.start(here.order(**changes), here.folder)
    assert not (here.folder / "runs").exists()
    assert here.store.list() == [] or here.store.list() == ()
    assert here.processes.started == []


def test_broken_rows_are_named_with_their_lines(here: Surroundings) -> None:
    (here.folder / "bad.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": \n')
    report = here.training.preflight(here.order(dataset="bad.jsonl"), here.folder)
    assert [finding.explanation.id for finding in report.errors] == ["dataset-rows-broken"]
    assert "row 2" in report.errors[0].sentence()


def test_folders_without_config_or_safe_weights_are_no_models(here: Surroundings) -> None:
    (here.folder / "empty").mkdir()
    (here.folder / "pickled").mkdir()
    (here.folder / "pickled" / "config.json").write_text("{}")
    for name, word in (("empty", "config.json"), ("pickled", "safetensors")):
        report = here.training.preflight(here.order(base_model=name), here.folder)
        assert word in report.errors[0].sentence()


def test_a_full_disk_is_noticed_before_the_start(tmp_path: Path, here: Surroundings) -> None:
    full = Surroundings(tmp_path, free_bytes=1000)
    report = full.training.preflight(full.order(), full.folder)
    assert [finding.explanation.id for finding in report.errors] == ["disk-almost-full"]
    assert "0.0 MB are free, and 200 MB are needed" in report.errors[0].sentence()


def test_checkpoints_of_full_fine_tuning_are_weighed_against_the_disk(tmp_path: Path, here: Surroundings) -> None:
    """Qwen 3 0.6B: 596 million parameters with two moments of Adam, 12 bytes each."""
    choice = {"base_model": "Qwen/Qwen3-0.6B", "method": "full"}
    report = here.training.preflight(here.order(**choice), here.folder)
    (found,) = report.errors
    assert "three checkpoints of about 7,153 MB" in found.sentence()
    tight = Surroundings(tmp_path, free_bytes=25 * GIGABYTE).training.preflight(here.order(**choice), here.folder)
    assert tight.errors == ()
    assert [finding.explanation.id for finding in tight.warnings] == ["disk-tight"]
    assert "4 checkpoints of about 7,153 MB" in tight.warnings[0].sentence()
    assert tight.needed_bytes == 4 * 12 * 596_049_920 + 4 * 596_049_920 + 250_000_000
    roomy = Surroundings(tmp_path, free_bytes=40 * GIGABYTE).training.preflight(here.order(**choice), here.folder)
    assert roomy.findings == ()


def test_a_missing_package_is_named_with_the_command(tmp_path: Path, here: Surroundings) -> None:
    bare = Surroundings(tmp_path, missing="bitsandbytes")
    assert bare.training.preflight(bare.order(), bare.folder).errors == ()
    report = bare.training.preflight(bare.order(method="qlora"), bare.folder)
    assert "pip install" in report.errors[0].explanation.fix


@pytest.mark.parametrize(
    ("training", "steps"),
    [
        ({"max_steps": 7}, 7),
        ({"epochs": 1, "batch_size": 4}, 5),
        ({"epochs": 2, "batch_size": 4, "gradient_accumulation": 2}, 6),
    ],
)
def test_the_steps_are_estimated_from_rows_and_batches(
    here: Surroundings, training: dict[str, Any], steps: int
) -> None:
    report = here.training.preflight(here.order(training=training), here.folder)
    assert (report.num_rows, report.steps_estimate) == (20, steps)


def test_a_folder_that_cannot_be_made_is_told_with_an_id(here: Surroundings) -> None:
    (here.folder / "runs").write_text("a file where the folder should be")
    with pytest.raises(RunFolderNotMade, match="run-folder-not-made"):
        here.training.start(here.order(), here.folder)
    assert len(here.store.list()) == 0


def test_stopping_wishes_once(here: Surroundings) -> None:
    run = here.training.start(here.order(), here.folder)
    assert here.training.stop(run.id).wish is Wish.STOP
    assert here.processes.started == [run.id, run.id]


def test_stopping_a_run_at_rest_that_was_asked_to_go_on_takes_the_wish_back(here: Surroundings) -> None:
    here.store.create(a_run("failed", state=RunState.FAILED, wish=Wish.RUN))
    assert here.training.stop("failed").wish is Wish.STOP
    assert (here.processes.started, here.processes.reconciled) == ([], 1)


def test_the_place_that_a_paused_run_kept_is_given_out_when_it_does_not_keep_it_any_more(here: Surroundings) -> None:
    here.store.create(a_run(state=RunState.PAUSED, wish=Wish.PAUSE, keeps_slot=True, slots=("cpu:0",)))
    assert here.training.pause("a-run").slots == ()
    assert (here.processes.started, here.processes.reconciled) == ([], 1)


def test_stopping_a_run_that_is_over_changes_nothing(here: Surroundings) -> None:
    here.store.create(a_run("over", state=RunState.FAILED, wish=Wish.STOP))
    before = here.store.version()
    assert here.training.stop("over").state is RunState.FAILED
    assert here.store.version() == before


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.CREATED, RunState.QUEUED, RunState.BACKOFF])
def test_pausing_wishes_with_or_without_the_slot_and_asks_for_a_supervisor(here: Surroundings, state: RunState) -> None:
    here.store.create(a_run(state=state))
    assert not here.training.pause("a-run").keeps_slot
    paused = here.training.pause("a-run", keep_slot=True)
    assert (paused.wish, paused.keeps_slot) == (Wish.PAUSE, True)
    assert here.processes.started == ["a-run", "a-run"]


def test_pausing_a_run_that_is_paused_or_over_changes_nothing(here: Surroundings) -> None:
    here.store.create(a_run("paused", state=RunState.PAUSED, wish=Wish.PAUSE, keeps_slot=True))
    here.store.create(a_run("over", state=RunState.FINISHED, wish=Wish.STOP))
    before = here.store.version()
    assert here.training.pause("paused", keep_slot=True).is_paused
    assert here.training.pause("over").wish is Wish.STOP
    assert (here.store.version(), here.processes.started) == (before, [])


def test_stop_now_is_a_wish_of_its_own_that_a_later_stop_does_not_soften(here: Surroundings) -> None:
    here.store.create(a_run(state=RunState.STOPPING, wish=Wish.STOP))
    assert here.training.stop_now("a-run").wish is Wish.STOP_NOW
    assert here.training.stop("a-run").wish is Wish.STOP_NOW
    here.store.create(a_run("over", state=RunState.STOPPED, wish=Wish.STOP))
    assert here.training.stop_now("over").wish is Wish.STOP


def test_a_paused_run_can_be_stopped(here: Surroundings) -> None:
    here.store.create(a_run("paused", state=RunState.PAUSED, wish=Wish.PAUSE))
    assert here.training.stop("paused").wish is Wish.STOP
    assert here.processes.started == ["paused"]


@pytest.mark.parametrize(
    ("state", "wish"),
    [
        (RunState.PAUSED, Wish.PAUSE),
        (RunState.PAUSING, Wish.PAUSE),
        (RunState.STOPPING, Wish.STOP),
        (RunState.STOPPED, Wish.STOP_NOW),
    ],
)
def test_a_run_that_is_or_will_be_at_rest_can_be_resumed(here: Surroundings, state: RunState, wish: Wish) -> None:
    here.store.create(a_run(state=state, wish=wish, keeps_slot=True))
    resumed = here.training.resume("a-run")
    assert (resumed.wish, resumed.keeps_slot, here.processes.started) == (Wish.RUN, False, ["a-run"])


def test_resuming_wishes_and_asks_for_a_supervisor(here: Surroundings) -> None:
    here.store.create(a_run("stopped", state=RunState.STOPPED, wish=Wish.STOP))
    assert here.training.resume("stopped").wish is Wish.RUN
    assert here.processes.started == ["stopped"]


def test_a_finished_run_cannot_be_resumed(here: Surroundings) -> None:
    here.store.create(a_run("done", state=RunState.FINISHED, wish=Wish.STOP))
    with pytest.raises(RunIsFinished):
        here.training.resume("done")


def test_a_failing_store_leaves_no_half_written_folder(here: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(here.store, "create", refuse)
    with pytest.raises(OSError, match="No space"):
        here.training.start(here.order(), here.folder)
    assert list((here.folder / "runs").iterdir()) == []


def test_a_missing_folder_that_looks_like_a_hub_id_is_doubted(here: Surroundings) -> None:
    preflight = Preflight(here.folder, lambda _: GIGABYTE, lambda _: "1.0")
    (here.folder / "models").mkdir()

    report = preflight.check(here.order(base_model="models/mine"), here.folder)

    assert [finding.explanation.id for finding in report.warnings] == ["folder-taken-as-hub-id"]
    assert str(here.folder / "models" / "mine") in report.warnings[0].sentence()
    assert preflight.check(here.order(base_model="org/mine"), here.folder).findings == ()


def test_a_run_is_given_its_order_in_the_queue(here: Surroundings) -> None:
    here.store.create(a_run("before"))
    run = here.training.start(here.order(), here.folder, priority=2, after="before", retries=3, is_held=True)
    assert (run.priority, run.after, run.retries, run.wish) == (2, "before", 3, Wish.PAUSE)
    assert run.queued_at == run.created_at


def test_a_run_cannot_wait_for_one_that_is_not_there(here: Surroundings) -> None:
    with pytest.raises(RunNotFound):
        here.training.start(here.order(), here.folder, after="nobody")
    assert not (here.folder / "runs").exists()
