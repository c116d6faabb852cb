"""DataDoctor: asks a program of its own what training would make of a dataset.

The program imports the tokenizer's libraries, so that nobody else has to, and dies with us.
"""

import json
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from backend.data.choice import DatasetPart
from backend.domain.data_report import DataOrder, DataReport, RowsOrder
from backend.domain.line_program import LineChild, LineProgram
from backend.domain.ports import Clock
from backend.domain.run_config import RunConfig
from backend.errors import EXIT_SOFTWARE, Explanation, ProcessError
from backend.services.chat_errors import DemoModelMissing
from config.catalog import DEMO_MODEL

PATIENCE_SECONDS = 1200.0
LISTEN_SECONDS = 0.5
PROGRESS = '{"progress":'
SEND_SECONDS = 30.0


class DataNotExamined(ProcessError):
    """The program of the data doctor gave no report; says what it said, with its id."""

    id = "data-not-examined"
    what = "The dataset could not be examined."
    why = "The program {ending}. The last line of its log: {last_words}"
    fix = "Look into logs/data-doctor.log in the workspace, or examine fewer rows with --rows."

    def __init__(self, explanation: Explanation | None = None, exit_code: int = EXIT_SOFTWARE, **data: object) -> None:
        self._explanation = explanation
        self.exit_code = exit_code  # type: ignore[misc] # the program's own
        super().__init__(**data)

    def explain(self) -> Explanation:
        """The program's own explanation if there is one."""
        return self._explanation or super().explain()


Say = Callable[[str], None]


def silent(_said: str) -> None:
    """For those who do not want to hear how far it is."""


class DataDoctor:
    """One program for each question; it is ended when it has answered, or after PATIENCE_SECONDS.

    Where a method takes `say`, it hears how far the work is, about every LISTEN_SECONDS; what it raises ends the
    program and is passed on.
    """

    def __init__(
        self, *, program: LineProgram, clock: Clock, models_folder: Path, is_hub_offline: bool = False
    ) -> None:
        self._program = program
        self._clock = clock
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
        try:
            child = self._program.start(_environment(is_offline=is_offline))
        except OSError as error:
            raise DataNotExamined(ending=f"could not be started: {error.strerror or error}", last_words="") from error
        try:
            return self._answer(child, order, say)
        finally:
            child.end(0)

    def _answer(self, child: LineChild, order: str, say: Say) -> object:
        try:
            child.send(order, SEND_SECONDS)
            document = json.loads(self._heard(child, say))
            if "error" in document:
                raise DataNotExamined(Explanation(**document["error"]), int(document["exit_code"]))
            return document["report"]
        except (BrokenPipeError, ValueError, KeyError, TypeError) as error:
            ending = f"ended with code {child.exit_code}"
            raise DataNotExamined(ending=ending, last_words=child.last_words()) from error
        except TimeoutError as error:
            ending = f"was ended after {PATIENCE_SECONDS:g} seconds"
            raise DataNotExamined(ending=ending, last_words=child.last_words()) from error

    def _heard(self, child: LineChild, say: Say) -> str:
        """Everything until the end: a long document comes in several pieces. Raises TimeoutError."""
        pieces: list[str] = []
        said = ""
        deadline = self._clock.monotonic() + PATIENCE_SECONDS
        while self._clock.monotonic() < deadline:
            try:
                piece = child.receive(LISTEN_SECONDS) or ""
            except EOFError:
                return "".join(pieces)
            if piece.startswith(PROGRESS) and not pieces:
                said = str(json.loads(piece)["progress"])
            elif piece:
                pieces.append(piece)
            say(said)
        raise TimeoutError

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


def _environment(*, is_offline: bool) -> dict[str, str]:
    quiet = {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONSAFEPATH": "1",  # files in the workspace are no modules
    }
    return {**quiet, "HF_HUB_OFFLINE": "1"} if is_offline else quiet
