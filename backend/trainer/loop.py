"""Hugging Face's training loop with our losses and curves."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerState
from transformers.trainer_callback import PrinterCallback

from backend.domain.heartbeat import Phase
from backend.trainer import ranks
from backend.trainer.callbacks import AdaptedSteps, Vitals
from backend.trainer.errors import LossNotFinite
from backend.trainer.marks import device_marks
from backend.trainer.meter import Meter
from backend.trainer.parts import Parts
from backend.trainer.saving import Saver
from backend.trainer.saving_loop import SavingLoop
from backend.trainer.say import say
from backend.trainer.stop import StopRequested
from backend.trainer.watching import Verdict, Watching

NAMES = {"loss": "train/loss", "learning_rate": "train/learning_rate", "grad_norm": "train/grad_norm"}


class StudioLoop(SavingLoop):
    """Trains an adapter; every number that it logs is the same after a kill and a resume.

    A recipe's loop is `class XLoop(StudioLoop)`, or `class XLoop(StudioLoop, trl's XTrainer)`: what is here comes
    first. Hugging Face's own logging, evaluating and saving strategies are off; `Rhythm` sets the flags instead.
    """

    def __init__(self, parts: Parts, **trainer_options: Any) -> None:  # noqa: ANN401 - those of the class that follows
        desk = parts.desk
        self.adapted = parts.adapted
        self.progress = parts.progress
        self._desk = desk
        self._has_validation = bool(len(parts.rows.validation))
        self._saver = Saver(desk.attempt, desk.events, desk.keep_checkpoints, desk.protected)
        self._meter = Meter(mark=device_marks())
        self._began_at = self._watched_step = 0
        self._unread: list[tuple[int, dict[str, Any], torch.Tensor]] = []
        self._unread_norms: list[tuple[int, Any]] = []
        self.watching = Watching(desk.watchers, parts.progress.watchers)
        options: dict[str, Any] = {
            "model": parts.adapted.model,
            "callbacks": [
                Vitals(desk.heartbeat, self._meter),
                AdaptedSteps(parts.adapted),
                *self.watching.callbacks(),
                desk.rhythm,
            ],
        }
        super().__init__(**options | trainer_options)
        self.remove_callback(PrinterCallback)

    def go_on(self, folder: Path | None, state: TrainerState) -> None:
        """Train from a checkpoint's folder and its state, or from the start, to the end.

        Raises StopRequested when a checkpoint was saved on request instead. A run that was interrupted behind
        its last step, or that a watcher has ended, only measures what it owes: Hugging Face's loop would train
        one step too many.
        """
        self._began_at = self._watched_step = state.global_step
        if folder:
            self._read(folder)
        try:
            self._train(folder, state)
        except BaseException:
            self._finish_saving()
            raise
        self._saver.wait(self._saving)
        self.progress = replace(self.progress, step=self.state.global_step)
        if self.watching.is_over:
            return
        is_owed = self._desk.rhythm.is_evaluation_due(self.state.global_step, self.state.max_steps)
        if self.state.global_step < self.state.max_steps or (
            is_owed and self.progress.evaluated_step != self.state.global_step
        ):
            raise StopRequested

    def _train(self, folder: Path | None, state: TrainerState) -> None:
        if folder and (state.global_step >= state.max_steps or self.watching.is_over):
            self.state = state
            self.watching.began(state.global_step, state.max_steps)
            if self.args.eval_on_start:
                self.evaluate()
        else:
            if folder is None and ranks.index():
                torch.manual_seed(self.args.seed + ranks.index())  # each process drops out other parts
            self.train(resume_from_checkpoint=str(folder) if folder else None)

    # One step

    def get_batch_samples(
        self,
        epoch_iterator: Iterator[Any],
        num_batches: int,
        device: torch.device,
    ) -> tuple[list[Any], torch.Tensor | int | None]:
        """An optimizer step begins with fetching its micro-batches. Raises what went wrong with the last checkpoint."""
        self._saver.check()
        self._meter.begin_step()
        samples: tuple[list[Any], torch.Tensor | int | None] = super().get_batch_samples(
            epoch_iterator, num_batches, device
        )
        self._meter.fetched()
        return samples

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """One micro-batch. Raises LossNotFinite before a broken loss is saved; on a CPU before weights change."""
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        batch = self.learned_from(inputs)
        self._meter.count(self.num_tokens(batch))
        self._desk.memory.micro_batch(batch)
        self._unread.append((self.state.global_step + 1, batch, loss))
        if loss.device.type == "cpu":
            self._read_losses()
        return loss

    def _read_losses(self) -> None:
        """Look at losses that only the device knows; reading one makes the computer wait for a GPU.

        It happens before anything is logged, evaluated or saved. Raises LossNotFinite.
        """
        unread, self._unread = self._unread, []
        for step, batch, loss in unread:
            value = finite("loss", loss.item(), step)
            self.watching.micro_batch(step, batch, value)
            self.progress = replace(self.progress, loss_sum=self.progress.loss_sum + value)
        unread_norms, self._unread_norms = self._unread_norms, []
        for step, norm in unread_norms:
            finite("gradient norm", float(norm), step)

    def learned_from(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The tensors of a micro-batch that was just learned, where its loader gave something else."""
        return inputs

    def num_tokens(self, inputs: dict[str, Any]) -> torch.Tensor:
        """Tokens of a micro-batch without padding, as a tensor on its device."""
        tokens: torch.Tensor = inputs["attention_mask"].sum()
        return tokens

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:  # noqa: ANN401
        """The norm before clipping; with float16 an infinite one is the loss scaler's business."""
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[no-untyped-call]
        if self.accelerator.scaler is None:
            self._unread_norms.append((self.state.global_step + 1, norm))
        if self.args.device.type == "cpu":
            self._read_losses()
        return norm

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:  # noqa: ARG002
        """Not counted: Hugging Face's estimate walks over all parameters for each micro-batch."""
        return 0

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:  # noqa: ANN401 - as above
        """The chosen optimizer, unless the method brings its own (LoRA+, LoRA-FA)."""
        if self.optimizer is None:
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.adapted.model)
            self.optimizer = self.adapted.optimizer(kind, options | {"weight_decay": self.args.weight_decay})
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)
        return optimizer

    def _prepare_for_training(self, max_steps: int, *others: Any) -> Any:  # noqa: ANN401 - Hugging Face's
        """Everything is in place, and what a checkpoint kept is loaded."""
        prepared = super()._prepare_for_training(max_steps, *others)  # type: ignore[no-untyped-call]
        self.watching.began(self.state.global_step, max_steps)
        return prepared

    def _maybe_log_save_evaluate(self, tr_loss: torch.Tensor, grad_norm: Any, *others: Any, **named: Any) -> None:  # noqa: ANN401
        """The end of a step, and once more of an epoch: watchers first, so that a checkpoint knows what they saw."""
        step, control = self.state.global_step, self.control
        if step > self._watched_step:
            self._watched_step = step
            scalars = {"grad_norm": grad_norm, "learning_rate": named.get("learning_rate")}
            is_point = control.should_log or control.should_save or control.should_evaluate
            if is_point:
                self._read_losses()
            self._heed(self.watching.step_ended(step, self.state.max_steps, scalars, is_point=is_point))
        super()._maybe_log_save_evaluate(tr_loss, grad_norm, *others, **named)

    def _heed(self, verdict: Verdict) -> None:
        if verdict >= Verdict.SAVE:
            self.control.should_save = True
        if verdict is Verdict.END:
            self.control.should_training_stop = True

    # What readers see

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:  # noqa: ARG002
        """Write a point of each curve; Hugging Face's summary at the end has none and is left out."""
        step = self.state.global_step
        self._read_losses()
        if "loss" in logs:
            steps = step - self.progress.logged_step
            logs = {**logs, "loss": ranks.total(self.progress.loss_sum) / ranks.count() / steps}
            self.progress = replace(self.progress, loss_sum=0.0, logged_step=step)
            scalars = {NAMES[name]: float(value) for name, value in logs.items() if name in NAMES}
            scalars |= self._place() | self._speed() | self.take_metrics() | self._desk.system.take()
            self._desk.events.add(step, scalars)
            self._desk.heartbeat.beat(loss=logs["loss"], step=step)
            if ranks.is_first():
                say(f"step {step}/{self.state.max_steps} loss {logs['loss']:.4f}")
        self.control = self.callback_handler.on_log(self.args, self.state, self.control, logs)

    def _place(self) -> dict[str, float]:
        """How far training is, by other measures than the step; tokens of a run that did not count them are unknown."""
        self._count_tokens()
        tokens = self.progress.num_tokens
        return {"train/epoch": self.state.epoch or 0.0} | (
            {} if tokens is None else {"train/num_tokens": float(tokens)}
        )

    def _count_tokens(self) -> None:
        """Add what all processes have learned since the last call, which must be made by all of them."""
        new, known = int(ranks.total(float(self._meter.take_tokens()))), self.progress.num_tokens
        self.progress = replace(self.progress, num_tokens=None if known is None else known + new)

    def _speed(self) -> dict[str, float]:
        speed = self._meter.take()
        if "perf/tokens_per_second" in speed:
            speed["perf/tokens_per_second"] = ranks.total(speed["perf/tokens_per_second"])
        return speed | self._desk.memory.peak_tensor_bytes()

    def take_metrics(self) -> dict[str, float]:
        """A recipe's own scalars since the last point, by tag; they begin anew."""
        return {}

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Measure the held-out rows, and write a point of each curve.

        A request to stop leaves them unmeasured, to be made up for by the attempt that resumes here; before the
        first step of an attempt it raises StopRequested.
        """
        self._read_losses()
        if self._has_validation:
            found = self.validation_scalars()
            step = self.state.global_step
            if found is None and step == self._began_at:
                raise StopRequested  # nothing to save; Hugging Face's loop would train a step before it looks
            if found is None:
                self.control.should_save = True
                self.control.should_training_stop = True
            else:
                self._keep_evaluation(step, found)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, {})
        return {}

    def validation_scalars(self) -> dict[str, float] | None:
        """What the held-out rows give, "eval/loss" among it; None if it was given up on request.

        It may not change any random state: an evaluation that is made up for later must not shift the training.
        """
        raise NotImplementedError

    def may_go_on_evaluating(self, share: float) -> bool:
        """Show how far the evaluation is, from 0 to 1; False if somebody asked to stop."""
        self._desk.heartbeat.beat(Phase.EVALUATING, phase_progress=share)
        return not ranks.agreed(first_says=self._desk.stop.is_requested)

    def _keep_evaluation(self, step: int, found: dict[str, float]) -> None:
        loss, first = found["eval/loss"], self.progress.first_eval_loss
        self.progress = replace(
            self.progress,
            evaluated_step=step,
            first_eval_loss=loss if first is None else first,
            last_eval_loss=loss,
        )
        self._desk.events.add(step, found)
        if ranks.is_first():
            say(f"step {step}/{self.state.max_steps} eval loss {loss:.4f}")
        self._heed(self.watching.evaluated(step, found))

    def _save_checkpoint(self, model: torch.nn.Module, trial: object) -> None:
        with self._meter.saving():
            self._read_losses()
            self._count_tokens()
            super()._save_checkpoint(model, trial)


def finite(quantity: str, value: float, step: int) -> float:
    """The value itself. Raises LossNotFinite."""
    if not math.isfinite(value):
        raise LossNotFinite(quantity=quantity, value=value, step=step, rows="")
    return value
