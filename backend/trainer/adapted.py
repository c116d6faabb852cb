"""What the training loop asks of a model that is being trained, whatever the method."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch.optim import Optimizer

from backend.trainer.tensor_tree import Tensors


class Adapted(ABC):
    """A model whose trained part can be written, read and finished. `place` names the folder of the result."""

    place: ClassVar[Literal["adapter", "model"]]
    model: Any  # a PeftModel or PreTrainedModel; never wrapped by DDP or FSDP

    @property
    def has_moved_base(self) -> bool:
        """Whether the base without the adapter is not the model that was loaded (a start that moved weights)."""
        return False

    @abstractmethod
    def copied(self) -> Callable[[Path], None]:
        """Copy everything that training changed now; what is given writes the copy, later and from any thread."""

    @abstractmethod
    def read(self, folder: Path) -> None:
        """Take over the tensors of a checkpoint. Raises ValueError if they belong to another model."""

    @abstractmethod
    def write_result(self, folder: Path) -> None:
        """The finished adapter or model."""

    @abstractmethod
    def tensors(self) -> Tensors:
        """What is trained: copies on the CPU by name."""

    def begin(self, total_steps: int) -> None:  # noqa: B027 - most methods do not change while they train
        """The run, which may be going on already, has this many optimizer steps."""

    def after_step(self, step: int) -> None:  # noqa: B027 - as above
        """Optimizer step number `step` (from 1) was taken; its gradients are still there."""

    def optimizer(self, kind: type[Optimizer], options: dict[str, Any]) -> Optimizer | None:  # noqa: ARG002
        """The method's own optimizer, given the chosen one and its options (lr among them); None for the usual."""
        return None
