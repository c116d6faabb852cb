"""What fine-tuning without an adapter shares: weights of the model itself are trained, and the result is a model."""

from backend.spec import Spec

TRAINED = "trained.safetensors"  # in a checkpoint: the trained weights, each under its name in the model


class WholeMethod(Spec):
    """Trains weights of the base model itself; no peft."""

    def is_trained(self, name: str, num_blocks: int) -> bool:
        """Whether the parameter of this full name is trained, in a model with `num_blocks` blocks."""
        raise NotImplementedError
