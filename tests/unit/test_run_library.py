"""Notes, tags and the trash."""

from pathlib import Path

import pytest

from backend.domain.run import ProcessIdentity
from backend.domain.states import RunState, Wish
from backend.services.errors import RunIsActive
from backend.services.run_library import RunLibrary
from backend.store.errors import RunNotFound
from backend.store.run_files import LocalRunFiles
from tests.fakes.clock import FakeClock
from tests.fakes.processes import FakeProcesses
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import SUPERVISOR, a_run
from tests.fakes.still_executor import StillExecutor


def a_library(tmp_path: Path, held: dict[str, ProcessIdentity | None] | None = None) -> tuple[FakeRunStore, RunLibrary]:
    store = FakeRunStore(FakeClock())
    return store, RunLibrary(store, LocalRunFiles(), StillExecutor(held), FakeProcesses(), tmp_path / "trash")


def test_tags_are_stripped_unique_and_sorted(tmp_path: Path) -> None:
    store, library = a_library(tmp_path)
    store.create(a_run())
    assert library.annotate("a-run", tags=[" b ", "a", "b", ""]).tags == ("a", "b")


def test_what_is_not_named_stays(tmp_path: Path) -> None:
    store, library = a_library(tmp_path)
    store.create(a_run(tags=("kept",)))
    run = library.annotate("a-run", notes="new", name="other")
    assert (run.notes, run.name, run.tags) == ("new", "other", ("kept",))


def test_deleting_moves_the_folder_to_the_trash(tmp_path: Path) -> None:
    store, library = a_library(tmp_path)
    folder = tmp_path / "runs" / "a-run"
    LocalRunFiles().create(folder, "name: x\n")
    store.create(a_run(run_dir=folder, state=RunState.STOPPED, wish=Wish.STOP))
    place = library.delete("a-run")
    assert place is not None
    assert (place / "run.yaml").read_text() == "name: x\n"
    assert not folder.exists()
    with pytest.raises(RunNotFound):
        store.get("a-run")


def test_the_curves_of_a_deleted_run_leave_the_memory(tmp_path: Path) -> None:
    store, left = FakeRunStore(FakeClock()), list[Path]()
    library = RunLibrary(
        store, LocalRunFiles(), StillExecutor(), FakeProcesses(), tmp_path / "trash", forget_curves=left.append
    )
    store.create(a_run(run_dir=tmp_path / "gone", state=RunState.STOPPED, wish=Wish.STOP))
    library.delete("a-run")
    assert left == [tmp_path / "gone" / "tensorboard"]


def test_a_run_without_a_folder_can_be_forgotten(tmp_path: Path) -> None:
    store, library = a_library(tmp_path)
    store.create(a_run(run_dir=tmp_path / "gone", state=RunState.FAILED, wish=Wish.STOP))
    assert library.delete("a-run") is None


def test_the_place_of_a_deleted_run_is_given_out(tmp_path: Path) -> None:
    store, processes = FakeRunStore(FakeClock()), FakeProcesses()
    library = RunLibrary(store, LocalRunFiles(), StillExecutor(), processes, tmp_path / "trash")
    paused = a_run(run_dir=tmp_path / "gone", state=RunState.PAUSED, wish=Wish.PAUSE, keeps_slot=True, slots=("cpu:0",))
    store.create(paused)
    library.delete("a-run")
    assert (dict(store.slots()), processes.reconciled) == ({}, 1)


@pytest.mark.parametrize("lock", ["supervisor.lock", "trainer.lock"])
@pytest.mark.parametrize("holder", [SUPERVISOR, None])
def test_a_run_that_somebody_may_work_on_is_not_deleted(
    tmp_path: Path, lock: str, holder: ProcessIdentity | None
) -> None:
    store, library = a_library(tmp_path, {lock: holder})
    store.create(a_run(run_dir=tmp_path, state=RunState.STOPPED, wish=Wish.STOP))
    with pytest.raises(RunIsActive):
        library.delete("a-run")
    assert store.get("a-run").id == "a-run"


def test_a_run_that_is_wished_to_run_is_not_deleted(tmp_path: Path) -> None:
    store, library = a_library(tmp_path)
    store.create(a_run(run_dir=tmp_path, state=RunState.INTERRUPTED))
    with pytest.raises(RunIsActive, match="runs stop"):
        library.delete("a-run")
