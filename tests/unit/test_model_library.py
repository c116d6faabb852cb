"""ModelLibrary and CheckpointLibrary over real folders: what is found, and what deleting refuses and does."""

import shutil
from pathlib import Path

import pytest

from backend.domain.checkpoint_rows import best_step
from backend.domain.lineage import lineage
from backend.domain.metric_goals import Goal
from backend.domain.model_shelf import Shelf
from backend.domain.run import Origin, Run
from backend.domain.run_results import Point
from backend.domain.states import RunState, Wish
from backend.event_files.folder import EventFolder
from backend.executors.lock_file import held
from backend.services.checkpoint_library import CheckpointLibrary
from backend.services.config_service import ConfigService
from backend.services.library_errors import CheckpointKept, ModelFolderRefused, ModelKept, ModelNotOnShelf
from backend.services.model_library import ModelLibrary, ModelPlaces
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.store import trash
from backend.store.checkpoints import MANIFEST, all_folders, write_manifest_text
from backend.store.errors import CheckpointMissing
from backend.store.hub_cache import hub_cache
from backend.store.model_probe import LocalModels
from config.catalog import base_models
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor
from tests.fakes.model_folders import a_cached_model, a_model
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run


class Lab:
    """A library over folders of a test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self.store = FakeRunStore(self.clock)
        self.told: list[str] = []
        places = ModelPlaces(root / "models", root / "hub", root / "trash", private=(root / "private",))
        self.library = ModelLibrary(self.store, LocalModels(), self.clock, places, base_models())
        self.library.on_change = lambda: self.told.append("changed")

    def shelf(self) -> Shelf:
        """What is there once nothing is left to look at."""
        while (found := self.library.look()).num_left:
            self.library.wait(1)
        return found

    def here(self) -> set[str]:
        return {model.id for model in self.shelf().models if model.folder is not None}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_the_places_are_looked_through_again_after_a_while_or_on_request(lab: Lab) -> None:
    a_model(lab.root / "models" / "demo")
    assert lab.here() == {"demo"}
    a_cached_model(lab.root / "hub", "org/new")
    assert lab.here() == {"demo"}
    lab.library.look_again()
    assert lab.here() == {"demo", "org/new"}


def test_the_catalogue_stands_behind_what_is_here(lab: Lab) -> None:
    a_cached_model(lab.root / "hub", "Qwen/Qwen3-0.6B")
    ids = [model.id for model in lab.shelf().models]
    assert ids[0] == "Qwen/Qwen3-0.6B"
    assert ids.count("Qwen/Qwen3-0.6B") == 1
    assert lab.shelf().models[0].licence == "apache-2.0"


def test_runs_that_use_a_model_are_known(lab: Lab) -> None:
    a_cached_model(lab.root / "hub", "org/name")
    lab.store.create(a_run("over", base_model="org/name", state=RunState.FINISHED, wish=Wish.STOP))
    lab.store.create(a_run("busy", base_model="org/name", state=RunState.RUNNING))
    model = next(model for model in lab.shelf().models if model.id == "org/name")
    assert set(model.runs) == {"over", "busy"}
    assert model.active == ("busy",)
    with pytest.raises(ModelKept, match="busy"):
        lab.library.delete("org/name")


def test_deleting_moves_the_whole_cached_model_and_tells(lab: Lab) -> None:
    folder = a_cached_model(lab.root / "hub", "org/name", unfinished=1)
    lab.shelf()
    plan = lab.library.removal("org/name")
    assert (plan.is_for_good, plan.kept_bytes, plan.freed_bytes) == (False, 0, plan.model.size_bytes)
    place = lab.library.delete("org/name")
    assert place is not None
    assert place.parent == lab.root / "trash"
    assert (place / "blobs" / "weights").is_file()
    assert not folder.exists()
    assert lab.here() == set()
    assert lab.told == ["changed"]


def test_on_another_disk_it_is_erased_only_if_that_was_agreed_to(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_cached_model(lab.root / "hub", "org/name")
    monkeypatch.setattr(trash, "is_on_same_disk", lambda _path, _trash: False)
    lab.shelf()
    assert lab.library.removal("org/name").is_for_good
    with pytest.raises(ModelKept, match="agreed"):
        lab.library.delete("org/name")
    assert folder.is_dir()
    assert lab.library.delete("org/name", for_good=True) is None
    assert not folder.exists()
    assert not (lab.root / "trash").exists()


def test_a_registered_folder_is_read_and_never_deleted_from(lab: Lab) -> None:
    folder = a_model(lab.root / "mine" / "tiny")
    lab.library.add_folder(str(lab.root / "mine"))
    assert lab.here() == {str(folder)}
    with pytest.raises(ModelKept, match="only reads"):
        lab.library.delete(str(folder))
    lab.library.remove_folder(lab.root / "mine")
    assert lab.here() == set()
    assert folder.is_dir()


@pytest.mark.parametrize("path", ["", "  ", "/", "/proc/self", "nowhere/at/all", "bad\0name"])
def test_folders_that_cannot_be_meant_are_refused(lab: Lab, path: str) -> None:
    with pytest.raises(ModelFolderRefused):
        lab.library.add_folder(path)


def test_folders_with_secrets_are_refused(lab: Lab) -> None:
    (lab.root / "private" / "keys").mkdir(parents=True)
    with pytest.raises(ModelFolderRefused, match="secrets"):
        lab.library.add_folder(str(lab.root / "private" / "keys"))


def test_a_model_that_nobody_has_cannot_be_deleted(lab: Lab) -> None:
    lab.shelf()
    with pytest.raises(ModelNotOnShelf):
        lab.library.delete("org/none")
    with pytest.raises(ModelNotOnShelf):
        lab.library.delete("Qwen/Qwen3-0.6B")


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, "/home/me/.cache/huggingface/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({"HF_HOME": "/hf"}, "/hf/hub"),
        ({"HF_HOME": "/hf", "HF_HUB_CACHE": "/cache"}, "/cache"),
    ],
)
def test_the_cache_is_where_the_hubs_own_library_has_it(environment: dict[str, str], folder: str) -> None:
    assert hub_cache(environment, Path("/home/me")) == Path(folder)


def test_shared_files_are_not_counted_as_freed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "shared").write_bytes(bytes(100))
    (tmp_path / "b" / "shared").hardlink_to(tmp_path / "a" / "shared")
    (tmp_path / "a" / "own").write_bytes(bytes(10))
    assert (trash.size_bytes(tmp_path / "a"), trash.freed_bytes(tmp_path / "a")) == (110, 10)
    assert trash.freed_bytes(tmp_path) == 110


class Shop:
    """A run with checkpoints of some steps, and their library."""

    def __init__(self, root: Path, *steps: int, **facts: object) -> None:
        self.run: Run = a_run("one", run_dir=root / "runs" / "one", **facts)
        for step in steps:
            folder = self.folder(step)
            folder.mkdir(parents=True)
            (folder / "weights").write_bytes(bytes(step))
            (folder / MANIFEST).write_text(write_manifest_text(folder, step))
        store = FakeRunStore(FakeClock())
        store.create(self.run)
        curves = TensorBoardDataManager(EventFolder, FakeClock())
        executor = FakeExecutor(FakeClock())
        self.library = CheckpointLibrary(store, executor, curves, ConfigService(), held, root / "trash")

    def folder(self, step: int) -> Path:
        return self.run.run_dir / "checkpoints" / f"checkpoint-{step}"


PAUSED = {"state": RunState.PAUSED, "wish": Wish.PAUSE}
FINISHED = {"state": RunState.FINISHED, "wish": Wish.STOP}


def test_of_a_run_that_may_resume_all_but_the_last_good_checkpoint_can_go(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 10, 20, **PAUSED)
    shop.library.delete("one", 20)
    assert [row.step for row in shop.library.look("one")] == [10]
    assert "last whole checkpoint" in shop.library.look("one")[0].refusal
    with pytest.raises(CheckpointKept, match="last whole checkpoint"):
        shop.library.delete("one", 10)
    assert shop.folder(10).is_dir()


def test_a_good_checkpoint_is_kept_if_the_others_are_damaged(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 10, 20, **PAUSED)
    (shop.folder(20) / "weights").write_bytes(b"other bytes")
    assert shop.library.verify("one", 20) == "weights is not as it was written"
    with pytest.raises(CheckpointKept, match="the others are damaged"):
        shop.library.delete("one", 10)
    shop.library.delete("one", 20)
    assert not shop.folder(20).exists()


def test_of_a_finished_run_every_checkpoint_can_go(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 10, **FINISHED)
    assert shop.library.look("one")[0].refusal == ""
    place = shop.library.delete("one", 10)
    assert place.is_dir()
    assert shop.library.look("one") == ()


def test_a_run_at_work_keeps_all_of_them(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 10, 20, state=RunState.RUNNING, wish=Wish.RUN)
    with pytest.raises(CheckpointKept, match="at work"):
        shop.library.delete("one", 10)


def test_while_a_supervisor_holds_the_run_nothing_is_deleted(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 10, 20, **PAUSED)
    with held(shop.run.run_dir / "supervisor.lock"), pytest.raises(CheckpointKept, match="at work"):
        shop.library.delete("one", 10)


def test_a_step_without_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match="10"):
        Shop(tmp_path, 10, **FINISHED).library.delete("one", 11)


def test_an_unfinished_checkpoint_is_told_and_can_go(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 10, 20, **PAUSED)
    (shop.folder(20) / MANIFEST).unlink()
    newest = shop.library.look("one")[0]
    assert (newest.found.is_sealed, newest.is_last, newest.refusal) == (False, False, "")
    shop.library.delete("one", 20)
    assert not shop.folder(20).exists()


def test_the_best_checkpoint_is_one_that_was_evaluated_itself() -> None:
    points = {10: Point(10, 2.0), 20: Point(15, 1.0), 30: Point(30, float("nan")), 40: Point(40, 1.5), 50: None}
    assert best_step(points, Goal.LOWER) == 40
    assert best_step(points, Goal.HIGHER) == 10
    assert best_step(points, Goal.UNKNOWN) is None


def test_a_line_ends_at_a_lost_ancestor_and_in_no_circle() -> None:
    first = a_run("first", origin=Origin("gone", "fork", 3))
    second = a_run("second", origin=Origin("first", "fork", 5))
    line = lineage(second, [first, second])
    assert ([run.id for run in line.ancestors], line.lost) == (["first"], "gone")
    assert [run.id for run in lineage(first, [first, second]).descendants] == ["second"]
    snake = a_run("snake", origin=Origin("snake", "fork", 1))
    assert len(lineage(snake, [snake]).ancestors) == 50


def test_what_only_a_link_leads_to_is_not_deleted(lab: Lab) -> None:
    elsewhere = a_model(lab.root / "elsewhere" / "tiny")
    (lab.root / "models").mkdir()
    (lab.root / "models" / "link").symlink_to(elsewhere)
    (lab.root / "models" / "shelf").symlink_to(elsewhere.parent)
    (found,) = lab.here()
    assert "link" in lab.library.removal(found).refusal
    with pytest.raises(ModelKept, match="link"):
        lab.library.delete(found)
    assert elsewhere.is_dir()


def test_the_demo_model_is_deleted_with_the_link_that_leads_to_it(lab: Lab) -> None:
    folder = a_model(lab.root / "models" / "demo-1")
    (lab.root / "models" / "demo").symlink_to(folder.name)
    assert lab.here() == {"demo"}
    place = lab.library.delete("demo")
    assert place is not None
    assert (place / "config.json").is_file()
    assert list((lab.root / "models").iterdir()) == []


def test_a_checkpoint_that_goes_while_it_is_looked_at_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path, 10, 20, state=RunState.RUNNING, wish=Wish.RUN)
    whole = all_folders(shop.run.run_dir / "checkpoints")
    shutil.rmtree(shop.folder(10))
    monkeypatch.setattr("backend.services.checkpoint_library.all_folders", lambda _folder: whole)
    assert [row.step for row in shop.library.look("one")] == [20]
