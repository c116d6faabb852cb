"""What to change before another attempt, when repeating the last one unchanged would end the same way. Pure."""

from collections.abc import Callable

from backend.domain.adjustments import Adjustment, adjusted, difference
from backend.domain.decisions import Ending
from backend.domain.diagnosis import GPU_MEMORY_ID, MEMORY_IDS
from backend.domain.heartbeat import Phase
from backend.domain.memory_levers import Changes, halved, recomputed, thrifty
from backend.domain.run_config import RunConfig

MOST_MEMORY_CHANGES = 12  # a batch of 256 rows can be halved eight times; three other steps follow
BEFORE_TRAINING = frozenset({Phase.BUILDING, Phase.PREPARING, Phase.LOADING})


def replan(ending: Ending, attempt: int, config: RunConfig, made: tuple[Adjustment, ...]) -> Adjustment | None:
    """The change for the attempt after number `attempt`, or None if another one is not worth it.

    `config` is run.yaml's order and `made` what was changed before. A change that was already written for
    that attempt (by a supervisor that died then) is found again, not made twice.
    """
    written = next((adjustment for adjustment in made if adjustment.attempt == attempt + 1), None)
    if written is not None:
        return written
    order = adjusted(config, made)
    if ending.diagnosis.id in MEMORY_IDS:
        return _for_memory(ending, attempt, order, made)
    return _rolled_back(ending, attempt, order, made)


def memory_changes(order: RunConfig, *, on_gpu: bool) -> Changes | None:
    """The next thing that makes a step smaller without changing what is learned; None if nothing is left.

    Half the rows in each micro-batch and twice as many of them, down to one row; then recomputed activations;
    then the rest: memory that does not fall into pieces, no helper processes, every lever of speed that saves memory.
    """
    steps: tuple[Callable[[], Changes | None], ...] = (
        lambda: halved(order),
        lambda: recomputed(order),
        lambda: thrifty(order, on_gpu=on_gpu),
    )
    return next((changes for step in steps if (changes := step())), None)


def _for_memory(ending: Ending, attempt: int, order: RunConfig, made: tuple[Adjustment, ...]) -> Adjustment | None:
    """None before training: the model itself does not fit, and smaller batches do not help."""
    num_made = sum(adjustment.kind == "memory" for adjustment in made)
    changes = memory_changes(order, on_gpu=ending.diagnosis.id == GPU_MEMORY_ID)
    if changes is None or ending.phase in BEFORE_TRAINING or num_made >= MOST_MEMORY_CHANGES:
        return None
    return Adjustment(
        attempt=attempt + 1, kind="memory", reason=f"it goes on with {difference(order, changes)}", changes=changes
    )


def _rolled_back(ending: Ending, attempt: int, order: RunConfig, made: tuple[Adjustment, ...]) -> Adjustment | None:
    """What the trainer itself proposed, as often as the guards allow."""
    num_made = sum(adjustment.kind == "roll-back" for adjustment in made)
    proposal = ending.proposal
    if proposal is None or num_made >= order.guards.max_rollbacks:
        return None
    change = Adjustment(
        attempt=attempt + 1,
        kind="roll-back",
        reason=f"it goes back to step {proposal.good_step} or before, with {difference(order, proposal.changes)}",
        changes=proposal.changes,
        good_step=proposal.good_step,
    )
    try:
        adjusted(order, (change,))
    except ValueError:  # a record that was not written by our trainer
        return None
    return change
