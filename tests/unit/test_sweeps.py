"""Sweeps: every run checked, all queued or none, by the page's service and on the command line."""

from pathlib import Path
from typing import Any

import pytest

from backend.domain.run import Run
from backend.domain.states import Wish
from backend.domain.sweep import Axis, SweepKind
from backend.services.errors import PreflightFailed
from backend.services.run_queue import RunQueue
from backend.services.sweeps import SweepHeld, SweepInvalid, Sweeps, axes, axis
from backend.store.errors import StoreUnavailable
from backend.store.run_files import LocalRunFiles
from tests.fakes.command_line import CommandLine, installed
from tests.unit.test_training_service import Surroundings

SEEDS = Axis("training.seed", (1, 2, 3))


class Bench:
    """A sweep service over real folders and a store in memory, which may refuse a run."""

    def __init__(self, folder: Path) -> None:
        rows = [f'{{"prompt": "q{i}", "completion": "a{i}"}}\n' for i in range(20)]
        (folder / "rows.jsonl").write_text("".join(rows))
        self.here = Surroundings(folder)
        here = self.here
        self.queue = RunQueue(here.store, here.processes)
        self.sweeps = Sweeps(here.store, LocalRunFiles(), here.training, self.queue, here.configs, here.clock)
        self.order: dict[str, Any] = {"name": "try", "base_model": "demo", "dataset": "rows.jsonl"}

    def start(self, *axes: Axis, tag: str = "mine") -> tuple[Run, ...]:
        return self.sweeps.start(self.sweeps.plan(self.order, axes, SweepKind.GRID), self.here.folder, tag)

    def folders(self) -> list[Path]:
        return list((self.here.folder / "runs").glob("*"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_all_runs_are_made_then_released_with_one_tag(bench: Bench) -> None:
    runs = bench.start(SEEDS)
    assert [run.name for run in runs] == ["try seed=1", "try seed=2", "try seed=3"]
    assert all(run.wish is Wish.RUN and run.tags == ("mine",) for run in runs)
    told = [bench.here.configs.read(run.run_dir / "run.yaml").training.seed for run in runs]
    assert told == [1, 2, 3]
    assert bench.here.processes.started == [run.id for run in runs]


def test_a_run_that_cannot_be_let_go_keeps_no_other_from_its_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_wish = bench.here.store.set_wish

    def refuse_the_second(run_id: str, *facts: Any, **more: Any) -> Run:
        if bench.here.store.get(run_id).name == "try seed=2":
            raise StoreUnavailable(reason="it is busy")
        return set_wish(run_id, *facts, **more)

    monkeypatch.setattr(bench.here.store, "set_wish", refuse_the_second)
    with pytest.raises(SweepHeld, match="1 of the 3 runs") as caught:
        bench.start(SEEDS)
    wishes = {run.name: run.wish for run in bench.here.store.list()}
    assert wishes == {"try seed=1": Wish.RUN, "try seed=2": Wish.PAUSE, "try seed=3": Wish.RUN}
    (held,) = [run.id for run in bench.here.store.list() if run.wish is Wish.PAUSE]
    assert f"queue release {held}" in caught.value.explain().fix


def test_a_run_that_cannot_be_made_takes_all_others_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    create = bench.here.store.create

    def refuse_the_third(run: Run) -> None:
        if len(bench.here.store.list()) == 2:
            raise StoreUnavailable(reason="the disk is full")
        create(run)

    monkeypatch.setattr(bench.here.store, "create", refuse_the_third)
    with pytest.raises(StoreUnavailable):
        bench.start(SEEDS)
    assert not bench.here.store.list()
    assert bench.folders() == []
    assert bench.here.processes.started == []


def test_a_run_that_cannot_be_taken_back_keeps_its_folder(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    create = bench.here.store.create

    def refuse_the_second(run: Run) -> None:
        if bench.here.store.list():
            raise StoreUnavailable(reason="the disk is full")
        create(run)

    def refuse(_run_id: str) -> None:
        raise StoreUnavailable(reason="the disk is full")

    monkeypatch.setattr(bench.here.store, "create", refuse_the_second)
    monkeypatch.setattr(bench.here.store, "delete", refuse)
    with pytest.raises(StoreUnavailable):
        bench.start(SEEDS)
    (left,) = bench.here.store.list()
    assert (left.run_dir / "run.yaml").is_file()
    assert left.wish is Wish.PAUSE


def test_a_run_that_would_fail_keeps_all_from_being_started(bench: Bench) -> None:
    with pytest.raises(PreflightFailed, match="path="):
        bench.start(Axis("dataset.path", ("rows.jsonl", "missing.jsonl")))
    assert not bench.here.store.list()


def test_an_impossible_run_is_named_and_nothing_is_started(bench: Bench) -> None:
    plan = bench.sweeps.plan(bench.order, [Axis("method.rank", (8, 0, "x"))], SweepKind.GRID)
    assert [bool(run.problems) for run in plan.runs] == [False, True, True]
    with pytest.raises(SweepInvalid, match=r"try rank=0: method.rank"):
        bench.sweeps.start(plan, bench.here.folder, "")
    with pytest.raises(SweepInvalid, match="No setting"):
        bench.start()
    unknown = bench.sweeps.plan(bench.order, [Axis("training.sed", (1,))], SweepKind.GRID)
    assert "did you mean seed" in str(unknown.runs[0].problems[0])


def test_values_are_read_as_yaml() -> None:
    assert axis("training.learning_rate=1e-4, 2e-4") == Axis("training.learning_rate", (1e-4, 2e-4))
    assert axis("method.target_modules: [q_proj], all-linear").values == (["q_proj"], "all-linear")
    assert axes("# all of them\n\na.b: 1\nc=true,null\n") == (Axis("a.b", (1,)), Axis("c", (True, None)))
    for wrong in ("", "nothing", "=1", "a..b=1", "a=[1"):
        with pytest.raises(SweepInvalid):
            axis(wrong)


def test_the_suggested_tag_says_what_and_when(bench: Bench) -> None:
    assert bench.sweeps.tag({"name": "My try!"}) == "sweep-my-try-0101-000000"
    assert bench.sweeps.tag({}) == "sweep-0101-000000"


@pytest.fixture
def line(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return installed(capsys, workspace, monkeypatch)


@pytest.fixture
def order(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text("name: try\nbase_model: demo\ndataset: sample:demo.jsonl\nmethod: lora\n")
    return path


def test_a_dry_run_shows_the_runs_and_starts_none(line: CommandLine, order: Path) -> None:
    words = ("sweep", order, "--grid", "training.seed=1,2", "--grid", "method.rank=4,8", "--dry-run")
    told = line.say(*words)
    assert told.code == 0, told
    assert "4 runs, none started" in told.out
    assert line.say(*words, "--json").json()["runs"][3]["settings"] == {"training.seed": 2, "method.rank": 8}
    assert line.say("runs", "list", "--json").json() == []


def test_the_command_queues_all_runs(line: CommandLine, order: Path) -> None:
    words = ("--grid", "training.seed=1,2", "--grid", "method.rank=4,8", "--list", "--tag", "mine", "--json")
    told = line.say("sweep", order, *words, "--set", "training.max_steps=3").json()
    assert told["tag"] == "mine"
    assert len(told["ids"]) == 2
    runs = line.say("runs", "list", "--json").json()
    assert {run["id"] for run in runs} == set(told["ids"])
    assert "max_steps: 3" in line.folder(told["ids"][0]).config.read_text()


def test_the_command_refuses_what_cannot_be(line: CommandLine, order: Path) -> None:
    told = line.say("sweep", order, "--grid", "training.batch_size=4,0", "--json")
    assert (told.code, told.error()["id"]) == (78, "sweep-invalid")
    assert line.say("sweep", order).code == 78
