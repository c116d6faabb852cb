"""ParameterCounts: how many parameters an order trains: by arithmetic where that is exact, else by a child."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.domain.line_program import LineProgram
from backend.domain.ports import Clock
from backend.domain.run_config import RunConfig
from backend.domain.trainable import Count, CountAnswer, CountOrder, How, by_arithmetic, order_of
from backend.errors import Explanation
from backend.services.model_files import ModelFiles
from backend.services.one_question import OneQuestion, ProgramUnanswered
from backend.services.program_answers import Key, ProgramAnswers
from backend.store.base_model_facts import ModelFacts

PATIENCE_SECONDS = 240.0


class NotCounted(ProgramUnanswered):
    """The counting program gave no number; says what it said, with its id."""

    id = "parameters-not-counted"
    what = "The trainable parameters could not be counted."
    why = "The counting program {ending}. The last line of its log: {last_words}"
    fix = "Look into logs/count.log in the workspace. The run itself may still be started."


@dataclass(frozen=True, slots=True)
class Counting:
    """What is known now: a count, why there is none, or whether a program is at it.

    `model` is None where the files of the base model are not on this machine.
    """

    model: ModelFacts | None
    count: Count | None = None
    error: Explanation | None = None
    is_running: bool = False


class ParameterCounts:
    """Thread-safe; one program at a time, answers are remembered by what they depend on."""

    def __init__(
        self, *, program: LineProgram, clock: Clock, models_folder: Path, is_hub_offline: bool = False
    ) -> None:
        self.files = ModelFiles(models_folder)
        self.is_hub_offline = is_hub_offline
        question = OneQuestion(program, clock, NotCounted, patience_seconds=PATIENCE_SECONDS)
        self._answers: ProgramAnswers[Count] = ProgramAnswers(question, clock, _read, "count")

    def model(self, path: str, revision: str | None, base: Path) -> ModelFacts | None:
        """What the files of a base model tell, None where there are none on this machine."""
        return self.files.facts(path, revision, base)

    def look(self, config: RunConfig, base: Path) -> Counting:
        """What is known at once; starts nothing."""
        model = self.model(config.base_model.path, config.base_model.revision, base)
        order = self._order(config, base)
        if model is not None:
            count = by_arithmetic(order, model.model_type, model.shapes, is_tied=model.is_tied)
            if count is not None:
                return Counting(model, count)
        known = self._answers.look(self._key(order, base))
        return Counting(model, known.answer, known.error, known.is_running)

    def ask(self, config: RunConfig, base: Path, wait_seconds: float) -> Counting:
        """The same, with a program at work on what is not known yet; waits for it, but no longer than told.

        The hub is asked only for a model whose files are not on this machine.
        """
        known = self.look(config, base)
        if known.count is not None or known.error is not None:
            return known
        key = self._key(self._order(config, base), base)
        self._answers.ask(key, wait_seconds, is_offline=self.is_hub_offline or known.model is not None)
        return self.look(config, base)

    def close(self) -> None:
        """End the program that is at work, if one is."""
        self._answers.close()

    def _key(self, order: CountOrder, base: Path) -> Key:
        """What an answer depends on: the order, and the files of a model that lies in a folder."""
        return order.model_dump_json(), self.files.version(order.base_model, base)

    def _order(self, config: RunConfig, base: Path) -> CountOrder:
        order = order_of(config, str(base.absolute()))
        return order.model_copy(update={"base_model": self.files.placed(config.base_model)})


def _read(_key: Key, document: Mapping[str, Any]) -> Count:
    told = CountAnswer.model_validate(document["count"])
    return Count(told.trained, told.total, How.LAYERS)
