"""Why the same metric of two runs may not mean the same: other rows, other tokens, another goal. Pure."""

from collections.abc import Sequence

from backend.domain.config_diff import SEED, ConfigDiff
from backend.domain.run_config import RunConfig

_REASONS = (
    ("recipe.", "they optimise something else (recipe)"),
    ("base_model.", "their base models differ, whose tokens may be others: a loss is counted per token"),
    ("dataset.", "they are measured on other rows (dataset)"),
    ("training.max_length", "rows are cut at another length (training.max_length)"),
)
_BY_SEED = "the held-out rows are drawn by the seed; a validation file or split would be the same for all"


def caveats(diff: ConfigDiff, configs: Sequence[RunConfig], tag: str) -> tuple[str, ...]:
    """What to keep in mind before a tag of these runs is compared; empty if nothing is known against it.

    `diff` is theirs.
    """
    keys = {row.key for row in diff.differences if not row.is_choice_alone}
    found = [reason for start, reason in _REASONS if any(key.startswith(start) for key in keys)]
    if SEED in keys and tag.startswith("eval/") and any(_draws_rows(config) for config in configs):
        found.append(_BY_SEED)
    return tuple(found)


def _draws_rows(config: RunConfig) -> bool:
    return config.dataset.validation is None and config.dataset.validation_fraction > 0
