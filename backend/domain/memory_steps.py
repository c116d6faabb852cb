"""What is asked and answered when three real steps are to tell how much memory a run takes. Pure."""

from backend.domain.memory_record import MemoryRecord
from backend.domain.run_config import RunConfig
from backend.domain.sampling import Samples
from backend.spec import Frozen

STEPS = 3
SAVED_AFTER = 2  # copies of what a checkpoint holds are made, as in a run, and never written
LEAST_STEPS = 100  # that the run believes in: some methods plan their whole way


class StepsOrder(Frozen):
    """`folder` is empty and belongs to the program; paths in the configuration are absolute."""

    folder: str
    config: RunConfig


class StepsAnswer(Frozen):
    """What the steps took."""

    record: MemoryRecord


def of_three_steps(config: RunConfig) -> RunConfig:
    """The same order for so few steps: nothing is evaluated, asked, or kept."""
    training = config.training.model_copy(
        update={
            "max_steps": max(LEAST_STEPS, config.training.max_steps or 0),
            "save_steps": SAVED_AFTER,
            "logging_steps": 1,
            "eval_steps": None,
        }
    )
    return config.model_copy(update={"training": training, "samples": Samples()})
