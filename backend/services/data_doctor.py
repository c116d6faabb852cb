"""DataDoctor: asks a program of its own what training would make of a dataset.

The program imports the tokenizer's libraries, so that nobody else has to, and dies with us.
"""

from pathlib import Path

from pydantic import ValidationError

from backend.data.choice import DatasetPart
from backend.domain.data_report import DataOrder, DataReport, RowsOrder
from backend.domain.line_program import LineProgram
from backend.domain.ports import Clock
from backend.domain.run_config import RunConfig
from backend.services.chat_errors import DemoModelMissing
from backend.services.one_question import OneQuestion, ProgramUnanswered, Say, silent
from config.catalog import DEMO_MODEL

PATIENCE_SECONDS = 1200.0


class DataNotExamined(ProgramUnanswered):
    """The program of the data doctor gave no report; says what it said, with its id."""

    id = "data-not-examined"
    what = "The dataset could not be examined."
    why = "The program {ending}. The last line of its log: {last_words}"
    fix = "Look into logs/data-doctor.log in the workspace, or examine fewer rows with --rows."


class DataDoctor:
    """One program for each question; it is ended when it has answered, or after PATIENCE_SECONDS.

    Where a method takes `say`, it hears how far the work is, about every LISTEN_SECONDS; what it raises ends the
    program and is passed on.
    """

    def __init__(
        self, *, program: LineProgram, clock: Clock, models_folder: Path, is_hub_offline: bool = False
    ) -> None:
        self._question = OneQuestion(program, clock, DataNotExamined, patience_seconds=PATIENCE_SECONDS)
        self._models_folder = models_folder
        self.is_hub_offline = is_hub_offline

    def check(self, order: DataOrder, say: Say = silent, *, may_fetch: bool = True) -> DataReport:
        """Examine. Without `may_fetch` the hub is not asked for a model either: what is in its cache must do.

        Raises DataNotExamined, which may speak for the program, and DemoModelMissing.
        """
        order = self._with_folder_of_demo(order)
        answer = self._ask(order.model_dump_json(), say, is_offline=self.is_hub_offline or not may_fetch)
        try:
            return DataReport.model_validate(answer)
        except ValidationError as error:
            raise DataNotExamined(ending="gave no report that can be read", last_words=str(error)[:300]) from error

    def fetch(self, part: DatasetPart, target: Path, say: Say = silent) -> None:
        """Bring the rows of a hub dataset into a folder. Raises DataNotExamined, which may speak for the program."""
        order = RowsOrder(dataset=part, target=str(target))
        self._ask(order.model_dump_json(), say, is_offline=self.is_hub_offline)

    def _ask(self, order: str, say: Say, *, is_offline: bool) -> object:
        return self._question.ask(order, lambda told: told["report"], say, is_offline=is_offline)

    def _with_folder_of_demo(self, order: DataOrder) -> DataOrder:
        model = order.base_model
        if model is None or model.path != DEMO_MODEL:
            return order
        folder = self._models_folder / DEMO_MODEL
        if not (folder / "config.json").is_file():
            raise DemoModelMissing
        changed = model.model_copy(update={"path": str(folder.resolve())})
        return order.model_copy(update={"base_model": changed})


def order_of(config: RunConfig, base: Path, *, num_rows: int, show: int) -> DataOrder:
    """The order that examines what a run would train on."""
    return DataOrder(
        folder=str(base.absolute()),
        dataset=config.dataset,
        base_model=config.base_model,
        max_length=config.training.max_length,
        recipe=config.recipe,
        batch_size=config.training.batch_size,
        seed=config.training.seed,
        num_rows=num_rows,
        show=show,
    )
