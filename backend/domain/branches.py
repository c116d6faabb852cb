"""What a run that begins from another one's checkpoint may be told anew, and what must stay as it was. Pure."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from backend.domain.adjustments import changed
from backend.domain.run_config import RunConfig

FORK, START_OVER = "fork", "start-over"
FIXED_LENGTH = "adalora"  # when ranks are taken away is laid out over all of its steps
STEPS = "training.max_steps"
_SAME_STATE = frozenset({"adamw_torch", "adamw_torch_fused"})
_KEPT = {
    "base_model": "the trained weights belong to that model",
    "dataset": "its steps count those rows",
    "method": "the trained weights are of that method with those settings",
    "quantization": "the trained weights belong to those base weights",
    "recipe.name": "the trained weights and the rows are prepared for that recipe",
    "recipe.num_generations": "its steps count answers",
    "recipe.num_iterations": "its steps count answers",
    "training.seed": "the order of the rows follows from it",
    "training.max_length": "rows are cut at it",
    "training.epochs": f"the checkpoint counts steps; give {STEPS}",
    "speed.order": "the order of the rows follows from it",
}


def forked(order: RunConfig, changes: Mapping[str, JsonValue], step: int) -> tuple[RunConfig, list[str]]:
    """The order with the changes, and why it cannot go on from the checkpoint of `step`; no reasons if it can.

    `changes` has dotted keys. Raises ValueError for settings that do not exist or cannot be.
    """
    new = RunConfig.model_validate(changed(order, changes))
    return new, list(_misfits(order, new, step))


def _misfits(order: RunConfig, new: RunConfig, step: int) -> Iterator[str]:
    before, after = order.model_dump(mode="json"), new.model_dump(mode="json")
    for key, why in _KEPT.items():
        if _at(before, key) != _at(after, key):
            yield f"{key} must stay as it is: {why}"
    optimizers = {order.training.optimizer, new.training.optimizer}
    if len(optimizers) > 1 and not optimizers <= _SAME_STATE:
        yield "training.optimizer must stay as it is: the checkpoint holds its state"
    if order.effective_batch_size != new.effective_batch_size:
        yield f"a step must stay {order.effective_batch_size} rows: the place in the data is counted in steps"
    length, total = order.training.max_steps, new.training.max_steps
    if total is not None and total <= step:
        yield f"{STEPS} must be more than {step}: so many are done"
    if total != length and order.method.name == FIXED_LENGTH:
        yield f"{STEPS} must stay as it is: {FIXED_LENGTH} lays its ranks out over all steps"


def _at(tree: JsonValue, key: str) -> JsonValue:
    for name in key.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree
