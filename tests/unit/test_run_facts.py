"""RunFactsService: asking reads nothing, settings are read once and kept, last values follow the run."""

from pathlib import Path

import pytest

from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish
from backend.event_files.folder import EventFolder
from backend.services.config_service import ConfigService
from backend.services.run_facts import FRESH_SECONDS, KnownFacts, RunFactsService
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.store.branch_files import LocalBranchFiles
from backend.store.settings_file import SettingsFile
from tests.fakes.clock import FakeClock
from tests.fakes.event_bytes import append, scalar, version, write
from tests.fakes.runs import a_run

OVER = {"state": RunState.FINISHED, "wish": Wish.STOP}


class Counting(ConfigService):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_paths: list[Path] = []

    def read(self, path: Path, overrides: tuple[str, ...] = ()) -> object:  # type: ignore[override]
        self.read_paths.append(path)
        return super().read(path, overrides)


class Lab:
    def __init__(self, root: Path) -> None:
        self.root, self.clock, self.configs = root, FakeClock(), Counting()
        self.service = self.restarted()

    def restarted(self) -> RunFactsService:
        curves = TensorBoardDataManager(EventFolder, self.clock)
        kept = SettingsFile(self.root / "cache" / "run-settings.jsonl")
        return RunFactsService(self.configs, LocalBranchFiles(), curves, kept, self.clock)  # type: ignore[arg-type]

    def a_view(self, run_id: str, batch_size: int = 4, **facts: object) -> RunView:
        run_dir = self.root / "runs" / run_id
        if not run_dir.exists():
            run_dir.mkdir(parents=True)
            order = f"base_model: demo\ndataset: sample:demo.jsonl\ntraining: {{batch_size: {batch_size}}}\n"
            (run_dir / "run.yaml").write_text(order)
            write(run_dir / "tensorboard", "1.a.1", [version(), scalar(1, 2.5)])
        return RunView(a_run(run_id, run_dir=run_dir, **facts), 0, 0, None, False, None, None, None)

    def everything(self, *views: RunView) -> KnownFacts:
        while (known := self.service.known(views)).num_left:
            self.service.wait(1)
        return known


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_settings_and_last_values_become_known(lab: Lab) -> None:
    view = lab.a_view("one", 8, **OVER)
    facts = lab.everything(view).by_id["one"]
    assert facts.settings["training.batch_size"] == 8
    assert facts.metrics == {"train/loss": 2.5}
    assert "training.batch_size=8" in facts.text
    assert {"train/loss", "training.batch_size", "state"} <= set(lab.service.columns())


def test_a_run_at_rest_is_read_once_also_over_a_restart(lab: Lab) -> None:
    views = (lab.a_view("one", **OVER), lab.a_view("two", **OVER))
    first = lab.everything(*views)
    assert lab.everything(*views) == first
    lab.service = lab.restarted()
    assert lab.everything(*views).by_id["two"].settings == first.by_id["two"].settings
    assert len(lab.configs.read_paths) == 2


def test_a_changed_order_is_read_anew(lab: Lab) -> None:
    view = lab.a_view("one", **OVER)
    lab.everything(view)
    text = (view.run.run_dir / "run.yaml").read_text()
    (view.run.run_dir / "run.yaml").write_text(text.replace("batch_size: 4", "batch_size: 16"))
    lab.service = lab.restarted()
    assert lab.everything(view).by_id["one"].settings["training.batch_size"] == 16


def test_last_values_of_a_run_at_work_follow_it(lab: Lab) -> None:
    view = lab.a_view("one", state=RunState.RUNNING)
    lab.everything(view)
    append(view.run.run_dir / "tensorboard" / "events.out.tfevents.1.a.1", scalar(2, 1.5))
    lab.clock.advance(FRESH_SECONDS * 2)
    while lab.everything(view).by_id["one"].metrics["train/loss"] != 1.5:
        lab.service.wait(1)


def test_a_run_without_readable_order_has_no_settings_and_hinders_nobody(lab: Lab) -> None:
    view = lab.a_view("one", **OVER)
    (view.run.run_dir / "run.yaml").write_text("[")
    assert dict(lab.everything(view, lab.a_view("two", **OVER)).by_id["one"].settings) == {}
    assert lab.everything(view).by_id["one"].metrics == {"train/loss": 2.5}


def test_damaged_lines_of_the_kept_settings_are_passed_over(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "deep" / "settings.jsonl")
    assert file.load() == {}
    file.add("a", {"x": 1})
    with (tmp_path / "deep" / "settings.jsonl").open("ab") as raw:
        raw.write(b'["torn", {"x"\n\xff\xfe\n[1, 2]\n"text"\n')
    file.add("b", {"y": None})
    assert file.load() == {"a": {"x": 1}, "b": {"y": None}}


def test_who_clicks_seldom_sees_what_was_read_at_the_click_before(lab: Lab) -> None:
    view = lab.a_view("one", state=RunState.RUNNING)
    lab.everything(view)
    append(view.run.run_dir / "tensorboard" / "events.out.tfevents.1.a.1", scalar(2, 1.5))
    lab.clock.advance(FRESH_SECONDS * 20)
    lab.service.known((view,))
    while not lab.service._gathering.wait(1):
        pass
    lab.clock.advance(FRESH_SECONDS * 20)
    assert lab.service.known((view,)).by_id["one"].metrics == {"train/loss": 1.5}


def test_runs_that_are_no_more_are_forgotten(lab: Lab) -> None:
    one, other = lab.a_view("one", 8, **OVER), lab.a_view("other", **OVER)
    write(other.run.run_dir / "tensorboard", "2.a.1", [version(), scalar(1, 2.5, tag="only/here")])
    lab.everything(one, other)
    assert "only/here" in lab.service.columns()
    lab.everything(one)
    assert "only/here" not in lab.service.columns()
