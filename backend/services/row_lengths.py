"""RowLengths: how long the rows of an order's dataset are, in the tokens of its model."""

from pathlib import Path

from backend.domain.data_report import DataOrder, DataReport, Lengths
from backend.domain.run_config import RunConfig
from backend.errors import StudioError
from backend.services.data_doctor import order_of
from backend.services.dataset_desk import DatasetDesk
from backend.services.jobs import Job
from backend.services.training import as_ordered

NUM_ROWS = 1_000
_WHAT = "lengths"
_SAME = {"max_length": 1024, "batch_size": 4, "show": 0}  # rows are as long whatever they are cut at


class RowLengths:
    """Answers are those of the desk's jobs, by dataset, model and recipe, and as long as the files stay as they are."""

    def __init__(self, desk: DatasetDesk) -> None:
        self._desk = desk

    def look(self, config: RunConfig, base: Path) -> Lengths | None:
        """What is known at once; None if nobody has asked, or the answer is still to come."""
        job = self.job(config, base)
        report = job.answer if job is not None else None
        return report.lengths if isinstance(report, DataReport) else None

    def job(self, config: RunConfig, base: Path) -> Job | None:
        """The work on it, over or not; None if there is none, or no such dataset."""
        try:
            return self._desk.jobs.of(self._desk.examination_key(_WHAT, self._order(config, base)))
        except StudioError:
            return None

    def ask(self, config: RunConfig, base: Path) -> Job:
        """Have a program look at up to NUM_ROWS rows, drawn by the seed. Raises DataError."""
        return self._desk.examine(_WHAT, self._order(config, base))

    def _order(self, config: RunConfig, base: Path) -> DataOrder:
        order = order_of(as_ordered(config, base), Path("/"), num_rows=NUM_ROWS, show=0)
        return order.model_copy(update=_SAME)
