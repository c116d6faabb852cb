"""Hugging Face's training loop with sealed checkpoints that are written beside the training."""

from dataclasses import replace
from pathlib import Path

import torch
from transformers import Trainer

from backend.domain.heartbeat import Phase
from backend.errors import StudioError
from backend.trainer import ranks
from backend.trainer.adapted import Adapted
from backend.trainer.parts import Desk
from backend.trainer.progress import Progress
from backend.trainer.rates import obey, ordered_groups
from backend.trainer.saving import Saver
from backend.trainer.say import say
from backend.trainer.snapshot import own_progress, read_more, restore_optimizer, restore_random, restore_scaler, take
from backend.trainer.tensor_tree import Tensors
from backend.trainer.watching import Watching


class SavingLoop(Trainer):
    """What a checkpoint holds is copied while training waits; the disk is not waited for.

    Who inherits sets the attributes before Hugging Face's constructor is called.
    """

    adapted: Adapted
    progress: Progress
    watching: Watching
    _desk: Desk
    _saver: Saver

    def _save_checkpoint(self, model: torch.nn.Module, trial: object) -> None:  # noqa: ARG002
        """Copy the present step; it is written, sealed and renamed while training goes on."""
        self._saving()
        progress = replace(self.progress, step=self.state.global_step, watchers=self.watching.states())
        snapshot = take(self, self.adapted, progress, self.copied_more())
        if ranks.is_first():
            self._saver.save(snapshot, self._saving)
        self._desk.heartbeat.beat(Phase.TRAINING)

    def use_saver(self, saver: Saver) -> None:
        """Let another one keep the checkpoints."""
        self._saver = saver

    def _saving(self) -> None:
        self._desk.heartbeat.beat(Phase.SAVING, step=self.state.global_step)

    def copied_more(self) -> Tensors:
        """Copies of what only this recipe's loop must know to go on exactly, by name."""
        return {}

    def take_over(self, more: Tensors) -> None:
        """Go on from what `copied_more` gave; the weights and `progress` are there."""

    def _read(self, folder: Path) -> None:
        """Take over the weights and our own figures; the rest follows when Hugging Face asks for it."""
        self.adapted.read(folder)
        self.progress = own_progress(folder, self.progress)
        self.take_over(read_more(folder))

    def _finish_saving(self) -> None:
        """Something went wrong already: a checkpoint that is being written may still become whole."""
        try:
            self._saver.wait()
        except (StudioError, OSError, RuntimeError, ValueError) as error:
            say(f"the last checkpoint could not be written either: {error}")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: object = None) -> None:
        """Nothing: `go_on` has read the weights before they are shared out among processes."""

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            ordered = ordered_groups(self)
            restore_optimizer(self, Path(checkpoint))
            obey(self, ordered)

    def _load_scaler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            restore_scaler(self, Path(checkpoint))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            restore_random(Path(checkpoint))
