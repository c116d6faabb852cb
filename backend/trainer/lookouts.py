"""Who looks on while a run trains."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from backend.domain.run_config import RunConfig
from backend.trainer.adapters import Adapted
from backend.trainer.curves import EventFile
from backend.trainer.guarding import EarlyStopping, Guarding
from backend.trainer.notes import Notes
from backend.trainer.parts import Work
from backend.trainer.samples import Sampler
from backend.trainer.watching import RowsOf, Watcher


@dataclass(frozen=True, slots=True)
class Lookouts:
    """The watchers of an attempt, and those of them that are asked for more."""

    notes: Notes
    guarding: Guarding
    stopping: EarlyStopping
    watchers: tuple[Watcher, ...]

    def bind(self, rows_of: RowsOf) -> None:
        """Let guards name the rows of a step, as soon as there is a loop that knows them."""
        self.guarding.rows_of = rows_of


def lookouts(work: Work, adapted: Adapted, tokenizer: PreTrainedTokenizerBase, events: EventFile) -> Lookouts:
    """What the order asks for. Raises ChatTemplateUnsuitable for a sample prompt that cannot be asked."""
    config, attempt = work.config, work.attempt
    notes = Notes(attempt.run.remarks(attempt.number), events)
    guarding, stopping = Guarding(config, notes), EarlyStopping(config, notes)
    watchers: tuple[Watcher, ...] = (guarding, stopping)
    if config.samples.prompts and can_answer(config):
        watchers += (Sampler(config, adapted.model, tokenizer, events, work.heartbeat, work.stop),)
    return Lookouts(notes, guarding, stopping, watchers)


def can_answer(config: RunConfig) -> bool:
    """Whether the model writes text (a reward model only gives scores) and one process alone can ask it."""
    is_whole = config.devices.processes == 1 or config.devices.strategy == "ddp"
    return is_whole and getattr(config.recipe, "head", "language") == "language"
