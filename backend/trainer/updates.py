"""How large optimizer steps are, relative to the weights that they change."""

from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

MEASURED_EVERY = 10  # steps
MEASURED_TENSORS = 16
MEASURED_NUMBERS = 256


class UpdateMeter(TrainerCallback):
    """How large an optimizer step is, relative to the weights, measured at a few numbers of some tensors."""

    def __init__(self) -> None:
        self._before: torch.Tensor | None = None
        self.size: torch.Tensor | None = None

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,  # noqa: ARG002 - the signature is Hugging Face's
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **others: Any,  # noqa: ANN401
    ) -> None:
        """Remember what the step will change."""
        is_due = (state.global_step + 1) % MEASURED_EVERY == 0
        self.size, self._before = None, _some_numbers(others["model"]) if is_due else None

    def on_optimizer_step(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **others: Any,  # noqa: ANN401
    ) -> None:
        """Compare."""
        if self._before is not None:
            after = _some_numbers(others["model"])
            self.size = (after - self._before).norm() / self._before.norm().clamp_min(1e-12)
            self._before = None


def _some_numbers(model: torch.nn.Module) -> torch.Tensor:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    chosen = trained[:: max(1, len(trained) // MEASURED_TENSORS)][:MEASURED_TENSORS]
    parts = [parameter.detach().flatten()[:MEASURED_NUMBERS].float() for parameter in chosen]
    return torch.cat(parts) if parts else torch.zeros(1)
