"""Which values of a curve are better: a table of words, and no guess beyond it. Pure."""

from enum import StrEnum

from backend.domain.run_config import RunConfig


class Goal(StrEnum):
    """Whether lower or higher values of a metric are better, if that is known."""

    LOWER = "lower"
    HIGHER = "higher"
    UNKNOWN = "unknown"


# The last word of the last part of a tag: eval/loss, train/mean_token_accuracy, eval/rewards/margins
LOWER_WORDS = frozenset(
    {"loss", "nll", "perplexity", "ppl", "error", "wer", "cer", "mae", "mse", "rmse"},
)
HIGHER_WORDS = frozenset(
    {"accuracy", "accuracies", "acc", "reward", "margin", "margins", "f1", "bleu", "rouge", "rougel", "recall"},
)
HIGHER_ENDS = ("exact_match", "win_rate")
# What says how a run went, not how good it is
MACHINE = ("perf/", "gpu/", "system/")


def goal_of(tag: str, config: RunConfig | None = None) -> Goal:
    """What a run's own configuration says of its metric (guards.metric), else the table; else unknown.

    GRPO's mean of one reward function (rewards/NAME/mean) is better when higher.
    """
    if config is not None and tag == config.guards.metric:
        return Goal(config.guards.metric_goal)
    *path, name = tag.casefold().split("/")
    word = name.rpartition("_")[2]
    if tag.startswith(MACHINE):
        return Goal.UNKNOWN
    if word in LOWER_WORDS:
        return Goal.LOWER
    if word in HIGHER_WORDS or name.endswith(HIGHER_ENDS) or (name == "mean" and "rewards" in path):
        return Goal.HIGHER
    return Goal.UNKNOWN
