"""How long a run like an earlier one takes: only ever from what was measured. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.domain.config_diff import are_same
from backend.domain.guards import Guards
from backend.domain.run import Attempt
from backend.domain.run_config import RunConfig

# what changes the steps' numbers or their outcome, but not what a step costs
SAME_COST = frozenset(
    {
        "training.epochs",
        "training.max_steps",
        "training.learning_rate",
        "training.scheduler",
        "training.warmup_ratio",
        "training.weight_decay",
        "training.seed",
        "training.keep_checkpoints",
        "method.alpha",
        "method.dropout",
    }
)


@dataclass(frozen=True, slots=True)
class MeasuredTime:
    """What an earlier run of the same shape took, from its start to its end: steps and seconds."""

    run_name: str
    num_steps: int
    seconds: float

    def estimate(self, num_steps: int) -> float:
        """Seconds for another number of steps, if they go as fast."""
        return self.seconds / self.num_steps * num_steps


def is_alike(one: RunConfig, other: RunConfig) -> bool:
    """Whether a step of the one costs what a step of the other does."""
    return are_same(one, other, but=SAME_COST | {f"guards.{name}" for name in Guards.model_fields})


def measured(run_name: str, attempts: Sequence[Attempt]) -> MeasuredTime | None:
    """Of a run that ended in one attempt; None of others, whose time says little."""
    if len(attempts) != 1:
        return None
    (attempt,) = attempts
    num_steps = (attempt.last_step or 0) - (attempt.resumed_from_step or 0)
    if attempt.ended_at is None or num_steps < 1:
        return None
    return MeasuredTime(run_name, num_steps, (attempt.ended_at - attempt.started_at).total_seconds())
