"""What the loops on trl's trainers share: prepared rows, their figures as curves, evaluations that draw nothing."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch import nn
from transformers import PreTrainedTokenizerBase

from backend.trainer.adapters import Adapted
from backend.trainer.loop import StudioLoop, finite
from backend.trainer.parts import Parts
from backend.trainer.randomness import undisturbed

LEFT_OUT = ("num_tokens", "step_time")  # perf/ has them, measured without evaluating and saving


class TrlLoop(StudioLoop):
    """`class XLoop(TrlLoop, trl's XTrainer)`; rows come tokenized and cut, so trl prepares nothing.

    trl gathers figures (rewards, margins, divergence) in lists; they are summed up after each micro-batch into
    `Progress.metrics`, so that a kill between two points of the curve changes no value.
    """

    _metrics: Any
    model: Any
    ref_model: Any

    def __init__(self, parts: Parts, **trainer_options: Any) -> None:  # noqa: ANN401 - those of trl's trainer
        self._validation: Sequence[Any] = parts.rows.validation
        trained = {name: tensor.data for name, tensor in parts.adapted.model.named_parameters() if tensor.requires_grad}
        options = {
            "train_dataset": Dataset.from_list(list(parts.rows.train)),
            "processing_class": padding_tokenizer(parts.tokenizer),
        }
        super().__init__(parts, **options | trainer_options)
        for name, parameter in self.adapted.model.named_parameters():
            if name in trained:  # trl rounds adapters on quantized weights to bfloat16
                parameter.data = trained[name].to(parameter.device)
            elif ".ref." in name:
                parameter.requires_grad_(False)
        if isinstance(getattr(self, "ref_model", None), NoReference):
            self.ref_model = None

    def _send_telemetry(self) -> None:
        """Nothing is ever sent."""

    def _prepare_dataset(self, dataset: Dataset, *_: object, **__: object) -> Dataset:
        """It is prepared."""
        return dataset

    # Figures

    def figures(self, mode: str) -> dict[str, list[float]]:
        """What trl has gathered in "train" or "eval" since the last call, by name; its lists are emptied."""
        gathered: dict[str, list[float]] = self._metrics[mode]
        found = {name: list(values) for name, values in gathered.items() if name not in LEFT_OUT}
        gathered.clear()
        return found

    def training_step(self, *arguments: Any, **named: Any) -> torch.Tensor:  # noqa: ANN401 - Hugging Face's own
        """One micro-batch, and what trl has to say of it."""
        loss: torch.Tensor = super().training_step(*arguments, **named)
        add(self.progress.metrics, self.figures("train"))
        return loss

    def take_metrics(self) -> dict[str, float]:
        """The means since the last point, as train/rewards/chosen and the like."""
        means = {f"train/{name}": total / count for name, (total, count) in self.progress.metrics.items()}
        self.progress.metrics.clear()
        return means

    # Evaluation

    def validation_scalars(self) -> dict[str, float] | None:
        """eval/loss and the recipe's figures: means over the held-out rows."""
        sums: dict[str, list[float]] = {}
        self.adapted.model.eval()
        self.figures("eval")
        with undisturbed(self.args.seed):
            for start, rows in self.evaluation_batches():
                if not self.may_go_on_evaluating(start / len(self._validation)):
                    return None
                batch = self.data_collator(rows)
                loss: Any = self.prediction_step(self.model, batch, prediction_loss_only=True)[0]
                means = {"loss": [float(loss)]} | self.figures("eval")
                add(sums, {name: [math.fsum(values) / len(values)] for name, values in means.items()}, len(rows))
        found = {f"eval/{name}": total / count for name, (total, count) in sums.items()}
        finite("validation loss", found["eval/loss"], self.state.global_step)
        return found

    def evaluation_batches(self) -> list[tuple[int, list[Any]]]:
        """The held-out rows in portions, each with the number of its first row."""
        size = self.args.per_device_eval_batch_size
        held_out = list(self._validation)
        return [(start, held_out[start : start + size]) for start in range(0, len(held_out), size)]


class NoReference(nn.Module):
    """Stands in a constructor's place for a reference model, so that trl adds no copy of the adapter.

    Without one, trl switches the adapter off to get the reference, which is the base model.
    """

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - transformers' PreTrainedConfig
        super().__init__()
        self.config = config

    def forward(self, *_: object, **__: object) -> None:
        """Never called."""
        raise AssertionError


def reference_model(adapted: Adapted) -> nn.Module | None:
    """What a trl trainer is given as `ref_model`: the base model as it was before training.

    * An adapter can be switched off: nothing is needed.
    * PiSSA moves weights of the base into the adapter: None lets trl keep a copy of the adapter as it starts.
    * Without an adapter the whole model is copied.
    """
    model: Any = adapted.model
    if not isinstance(model, PeftModel):
        return frozen_copy(model)
    return None if adapted.has_moved_base else NoReference(model.config)


def frozen_copy(model: nn.Module) -> nn.Module:
    """The model as it is now, never to be trained."""
    return copy.deepcopy(model).requires_grad_(requires_grad=False).eval()


def padding_tokenizer(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer, or a copy of it that pads with some token it has: padding is neither seen nor learned."""
    if tokenizer.pad_token is not None:
        return tokenizer
    padding = copy.deepcopy(tokenizer)
    padding.pad_token = tokenizer.eos_token or str(tokenizer.convert_ids_to_tokens(0))
    return padding


def add(sums: dict[str, list[float]], found: Mapping[str, Sequence[float]], weight: float = 1) -> None:
    """Add values to [sum, count] by name; what is not finite says nothing and is left out."""
    for name, values in found.items():
        total, count = sums.get(name, (0.0, 0.0))
        for value in values:
            if math.isfinite(value):
                total, count = total + value * weight, count + weight
        if count:
            sums[name] = [total, count]
