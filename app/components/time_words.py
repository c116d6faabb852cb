"""How long a run still takes, in words that say how they were come by."""

from app.components.durations import roughly
from backend.domain.time_left import TimeLeft


def left_shortly(left: TimeLeft) -> str:
    """For a line with other things: about 3 min left (estimate)."""
    return f"about {roughly(left.seconds)} left (estimate)"


def left_wholly(left: TimeLeft) -> str:
    """The estimate, its range if the times of steps vary, and what it is made of."""
    low, high = roughly(left.low), roughly(left.high)
    range_ = "" if left.is_sure or low == high else f", between {low} and {high}"
    about = "evaluations and checkpoints included" if left.is_whole else "evaluations and checkpoints not included"
    return f"About {roughly(left.seconds)} left{range_}: an estimate from the last {left.num_steps:,} steps, {about}."
