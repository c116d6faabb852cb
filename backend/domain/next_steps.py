"""What a person can sensibly do with a run now, most useful first. Pure; buttons and words are the views'."""

from enum import StrEnum

from backend.domain.queue import waits
from backend.domain.run_view import RunView
from backend.domain.states import RunState


class NextStep(StrEnum):
    """Each is one button or link of Monitor."""

    CHAT = "chat"
    COMPARE = "compare"
    READ_LOG = "log"
    ORDER = "order"


def next_steps(view: RunView) -> tuple[NextStep, ...]:
    """Nothing for a run that goes on by itself."""
    if waits(view.run):
        return (NextStep.ORDER,)
    if view.run.is_active:
        return ()
    answers = (NextStep.CHAT,) if view.has_adapter or view.last_checkpoint_step is not None else ()
    if view.state is RunState.FINISHED:
        return (*answers, NextStep.COMPARE)
    if view.state is RunState.FAILED:
        return (NextStep.READ_LOG, NextStep.COMPARE, *answers)
    return answers


def what_now(view: RunView, num_waiting: int) -> str:
    """A sentence above the buttons; "" where the run's own message says it all."""
    if waits(view.run):
        place = f"Place {view.queue_position} of {num_waiting} in the queue. " if view.queue_position else ""
        return f"{place}It starts by itself; nobody has to wait here."
    if view.run.is_active:
        return ""
    match view.state:
        case RunState.FINISHED if view.has_adapter:
            return "The result is ready: ask it, or compare it. Under *More*, Extend lets it learn on."
        case RunState.FINISHED:
            return "It has finished, but its result is not in its folder any more."
        case RunState.FAILED:
            return "*Resume* goes on once the cause is gone; the end of its log tells more."
        case _:
            return f"*Resume* lets it go on {_from(view)}."


def _from(view: RunView) -> str:
    step = view.last_checkpoint_step
    return "from the start: it has no checkpoint yet" if step is None else f"from its checkpoint of step {step:,}"
