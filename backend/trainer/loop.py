"""Hugging Face's training loop with our losses, curves and sealed checkpoints."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import PrinterCallback

from backend.domain.heartbeat import Phase
from backend.store.checkpoints import MANIFEST, sealed, write_manifest_text
from backend.store.files import replace_text
from backend.trainer.adapters import Adapted
from backend.trainer.attempt import OwnAttempt
from backend.trainer.callbacks import Rhythm, Vitals
from backend.trainer.collation import IGNORED, Collator, Encoded
from backend.trainer.curves import EventFile
from backend.trainer.errors import LossNotFinite
from backend.trainer.heartbeat import HeartbeatWriter
from backend.trainer.meter import Meter
from backend.trainer.progress import Progress
from backend.trainer.say import say
from backend.trainer.staging import remove, staged
from backend.trainer.stop import StopFlag, StopRequested

NAMES = {"loss": "train/loss", "learning_rate": "train/learning_rate", "grad_norm": "train/grad_norm"}


@dataclass(frozen=True, slots=True)
class Desk:
    """What the loop writes to, and the flag that it looks at."""

    attempt: OwnAttempt
    heartbeat: HeartbeatWriter
    events: EventFile
    rhythm: Rhythm
    stop: StopFlag
    keep_checkpoints: int


class StudioTrainer(Trainer):
    """Trains an adapter; every number that it logs is the same after a kill and a resume.

    Hugging Face's own logging, evaluating and saving strategies are off; `Rhythm` sets the flags instead.
    """

    def __init__(
        self,
        adapted: Adapted,
        arguments: TrainingArguments,
        *,
        train: Sequence[Encoded],
        validation: Sequence[Encoded],
        collator: Collator,
        progress: Progress,
        desk: Desk,
    ) -> None:
        self._adapted = adapted
        self._validation = validation
        self._desk = desk
        self._collator = collator
        self._folder = desk.attempt.run.checkpoints
        self._meter = Meter()
        self._began_at = 0
        self.progress = progress
        super().__init__(
            model=adapted.model,
            args=arguments,
            data_collator=collator,
            train_dataset=train,
            callbacks=[Vitals(desk.heartbeat, self._meter), desk.rhythm],
        )
        self.remove_callback(PrinterCallback)

    def go_on(self, folder: Path | None, state: TrainerState) -> None:
        """Train from a checkpoint's folder and its state, or from the start, to the end.

        Raises StopRequested when a checkpoint was saved on request instead. A run that was interrupted behind
        its last step only measures what it owes: Hugging Face's loop would train one step too many.
        """
        self._began_at = state.global_step
        if folder and state.global_step >= state.max_steps:
            self.state = state
            self._load_from_checkpoint(str(folder))
            if self.args.eval_on_start:
                self.evaluate()
        else:
            self.train(resume_from_checkpoint=str(folder) if folder else None)
        self.progress = replace(self.progress, step=self.state.global_step)
        is_owed = self._desk.rhythm.is_evaluation_due(self.state.global_step, self.state.max_steps)
        if self.state.global_step < self.state.max_steps or (
            is_owed and self.progress.evaluated_step != self.state.global_step
        ):
            raise StopRequested

    # One step

    def get_batch_samples(
        self,
        epoch_iterator: Iterator[Any],
        num_batches: int,
        device: torch.device,
    ) -> tuple[list[Any], torch.Tensor | int | None]:
        """An optimizer step begins with fetching its micro-batches."""
        self._meter.begin_step()
        return super().get_batch_samples(epoch_iterator, num_batches, device)

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """One micro-batch. Raises LossNotFinite before a broken loss can reach the weights."""
        self._meter.count(inputs["attention_mask"])
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        value = _finite("loss", loss.item(), self.state.global_step + 1)
        self.progress = replace(self.progress, loss_sum=self.progress.loss_sum + value)
        return loss

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:  # noqa: ANN401
        """The norm before clipping; with float16 an infinite one is the loss scaler's business."""
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[no-untyped-call]
        if self.accelerator.scaler is None:
            _finite("gradient norm", float(norm), self.state.global_step + 1)
        return norm

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:  # noqa: ARG002
        """Not counted: Hugging Face's estimate walks over all parameters for each micro-batch."""
        return 0

    # What readers see

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:  # noqa: ARG002
        """Write a point of each curve; Hugging Face's summary at the end has none and is left out."""
        step = self.state.global_step
        if "loss" in logs:
            steps = step - self.progress.logged_step
            logs = {**logs, "loss": self.progress.loss_sum / steps}
            self.progress = replace(self.progress, loss_sum=0.0, logged_step=step)
            scalars = {NAMES[name]: float(value) for name, value in logs.items() if name in NAMES}
            scalars |= {"train/epoch": self.state.epoch or 0.0} | self._meter.take() | _gpu_memory()
            self._desk.events.add(step, scalars)
            self._desk.heartbeat.beat(loss=logs["loss"], step=step)
            say(f"step {step}/{self.state.max_steps} loss {logs['loss']:.4f}")
        self.control = self.callback_handler.on_log(self.args, self.state, self.control, logs)

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Measure eval/loss: the mean negative log-likelihood of the learned validation tokens, in nats.

        Unlike Hugging Face's, it does not depend on how rows are batched, and draws no random numbers. A
        request to stop leaves it unmeasured, to be made up for by the attempt that resumes here; before the
        first step of an attempt it raises StopRequested.
        """
        if self._validation:
            loss = self._validation_loss()
            step = self.state.global_step
            if loss is None and step == self._began_at:
                raise StopRequested  # nothing to save; Hugging Face's loop would train a step before it looks
            if loss is None:
                self.control.should_save = True
                self.control.should_training_stop = True
            else:
                first = self.progress.first_eval_loss
                self.progress = replace(
                    self.progress,
                    evaluated_step=step,
                    first_eval_loss=loss if first is None else first,
                    last_eval_loss=loss,
                )
                self._desk.events.add(step, {"eval/loss": loss})
                say(f"step {step}/{self.state.max_steps} eval loss {loss:.4f}")
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, {})
        return {}

    @torch.no_grad()
    def _validation_loss(self) -> float | None:
        size, rows = self.args.per_device_eval_batch_size, self._validation
        total, tokens = 0.0, 0
        model = self._adapted.model
        model.eval()
        for start in range(0, len(rows), size):
            self._desk.heartbeat.beat(Phase.EVALUATING, phase_progress=start / len(rows))
            if self._desk.stop.is_requested:
                return None
            batch = self._prepare_inputs(self._collator(list(rows[start : start + size])))
            count = int((batch["labels"][:, 1:] != IGNORED).sum())
            with self.accelerator.autocast():
                total += model(**batch).loss.item() * count
            tokens += count
        return _finite("validation loss", total / tokens, self.state.global_step)

    # Checkpoints

    def _save_checkpoint(self, model: torch.nn.Module, trial: object) -> None:  # noqa: ARG002
        """Write a sealed checkpoint of the present step and delete the ones beyond `keep_checkpoints`."""
        step = self.state.global_step
        self._desk.heartbeat.beat(Phase.SAVING, step=step)
        with staged(self._folder / f"checkpoint-{step}", before_rename=self._seal) as place:
            self._desk.events.sync()
            self._adapted.write(place)
            self._save_optimizer_and_scheduler(str(place))
            self._save_scaler(str(place))
            self._save_rng_state(str(place))
            self.state.save_to_json(str(place / TRAINER_STATE_NAME))
            replace(self.progress, step=step).write(place)
        for checkpoint in sealed(self._folder)[self._desk.keep_checkpoints :]:
            remove(checkpoint.path)

    def _seal(self, place: Path) -> None:
        replace_text(place / MANIFEST, write_manifest_text(place, self.state.global_step))
        self._desk.attempt.check_fence()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: object = None) -> None:  # noqa: ARG002
        """The adapter's tensors; optimizer, scheduler and random states are read by Hugging Face."""
        self._adapted.read(Path(resume_from_checkpoint))


def _gpu_memory() -> dict[str, float]:
    """The most that tensors took since the last point, in bytes."""
    if not torch.cuda.is_available():
        return {}
    most = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return {"gpu/0/memory_bytes": float(most)}


def _finite(quantity: str, value: float, step: int) -> float:
    if not math.isfinite(value):
        raise LossNotFinite(quantity=quantity, value=value, step=step)
    return value
