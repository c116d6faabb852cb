"""What came out of runs, by their own metric, read once and not kept."""

from pathlib import Path

from backend.domain.curves import Curves
from backend.domain.run_config import RunConfig
from backend.domain.run_results import Point
from backend.errors import StorageError
from backend.services.run_reports import Achieved, RunReports
from backend.services.tensorboard_data import TensorBoardDataManager
from tests.fakes.clock import FakeClock
from tests.fakes.curves import a_series
from tests.fakes.dashboard import a_view
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import SUPERVISOR, a_run


class Lab:
    """RunReports over curves in memory; `num_read` counts the folders that were opened."""

    def __init__(self, metric: str = "eval/loss", goal: str = "lower") -> None:
        clock = FakeClock()
        self.num_read = 0
        guards = {"metric": metric, "metric_goal": goal}
        self.config: RunConfig | None = RunConfig.model_validate(
            {"base_model": "demo", "dataset": "x.jsonl", "guards": guards}
        )
        self.curves = TensorBoardDataManager(self.open, clock)
        self.reports = RunReports(FakeRunStore(clock), self.curves, clock, self.order)

    def order(self, _run_id: str) -> RunConfig:
        if self.config is None:
            raise StorageError
        return self.config

    def open(self, _folder: Path) -> "Lab":
        self.num_read += 1
        return self

    num_bytes = 0

    def read(self) -> Curves:
        series = {
            "eval/loss": a_series("eval/loss", [0, 10, 20], [0.5, 0.9, 1.0]),
            "eval/accuracy": a_series("eval/accuracy", [10, 20], [0.25, 0.75]),
        }
        return Curves(1, series, ())


def test_the_best_after_training_began_counts() -> None:
    assert Lab().reports.achieved(a_view()) == Achieved("eval/loss", Point(10, 0.9))


def test_the_metric_is_the_runs_own_and_so_is_which_values_are_better() -> None:
    lab = Lab("eval/accuracy", "higher")
    assert lab.reports.achieved(a_view()) == Achieved("eval/accuracy", Point(20, 0.75))


def test_a_run_without_readable_orders_or_without_its_metric_is_no_trouble() -> None:
    lab = Lab()
    lab.config = None
    assert lab.reports.achieved(a_view()) == Achieved("eval/loss", Point(10, 0.9))
    assert Lab("eval/bleu").reports.achieved(a_view()) is None


def test_it_is_read_once_until_the_run_changes_and_its_curves_are_let_go() -> None:
    lab = Lab()
    view = a_view()
    for _ in range(3):
        lab.reports.achieved(view)
    assert lab.num_read == 1
    lab.curves.curves(view.run.run_dir)
    assert lab.num_read == 2
    lab.reports.achieved(a_view("another"))
    assert lab.num_read == 3


def test_a_report_tells_the_journals_warnings() -> None:
    lab = Lab()
    store = FakeRunStore(FakeClock())
    store.create(a_run())
    store.claim("a-run", SUPERVISOR)
    store.remark("a-run", 1, "overfitting at step 20: it rose")
    reports = RunReports(store, lab.curves, FakeClock(), lab.order)
    assert [one.guard for one in reports.report(a_view()).warnings] == ["overfitting"]
