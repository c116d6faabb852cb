"""What a checkpoint must know beyond weights and Hugging Face's state, so that curves go on exactly."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import JsonValue

FILE = "progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """`loss_sum` is the loss summed over the steps since `logged_step`, the last step that has a point.

    Evaluation losses are mean negative log-likelihoods per learned token, in nats; None until measured.
    `num_tokens` were learned by all processes together, padding not counted; None if a version of ours that did not
    count them began the run.
    `metrics` are a recipe's own figures since `logged_step`, by name: their sum and how many were added.
    `watchers` is what guards and samplers remember, by name.
    `dataset` is the fingerprint of the rows that the step counts refer to.
    """

    step: int
    dataset: str
    loss_sum: float = 0.0
    logged_step: int = 0
    num_tokens: int | None = None
    evaluated_step: int | None = None
    first_eval_loss: float | None = None
    last_eval_loss: float | None = None
    metrics: dict[str, list[float]] = field(default_factory=dict)
    watchers: dict[str, dict[str, JsonValue]] = field(default_factory=dict)

    def text(self) -> str:
        """The content of its file in a checkpoint folder."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, folder: Path) -> "Progress | None":
        """A checkpoint's progress, or None if it has none that can be read."""
        try:
            return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
