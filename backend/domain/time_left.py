"""How long a run still takes, by the times at which its latest points were written. Pure."""

from dataclasses import dataclass

import numpy as np

from backend.domain.curves import Numbers, Series

MOST_POINTS = 400
NUM_BLOCKS = 8  # the scatter of their means tells how sure the mean of all is
FEWEST_STEPS = 2 * NUM_BLOCKS
NUM_ERRORS = 2.0  # standard errors to each side: about 95 of 100 times, were the steps to go on like this
NARROW = 0.1  # of the estimate: a narrower range tells a person nothing


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """An estimate from the last `num_steps` steps; `low` and `high` say how far the time of steps varies.

    `is_whole`: evaluations, checkpoints and whatever else happened between steps are in it.
    """

    seconds: float
    low: float
    high: float
    num_steps: int
    is_whole: bool

    @property
    def is_sure(self) -> bool:
        """Whether the range is too narrow to be worth telling."""
        return self.high - self.low <= NARROW * self.seconds


def time_left(num_steps_left: int, series: Series | None, first_step: int = 0) -> TimeLeft | None:
    """By the newest points of `series` from `first_step` on, where the present attempt began.

    None if these are too few, or their times make no sense (a clock that was set back).
    """
    if series is None:
        return None
    begin = max(int(np.searchsorted(series.steps, first_step)), len(series) - MOST_POINTS - 1)
    steps, times = series.steps[begin:], series.wall_times[begin:]
    num_steps = int(steps[-1] - steps[0]) if len(steps) > NUM_BLOCKS else 0
    seconds = float(times[-1] - times[0]) if num_steps else 0.0
    if num_steps < FEWEST_STEPS or not np.isfinite(seconds) or seconds <= 0:
        return None
    left = max(0, num_steps_left)
    mean = seconds / num_steps
    spread = NUM_ERRORS * _standard_error(steps.astype(np.float64), times)
    return TimeLeft(mean * left, max(0.0, mean - spread) * left, (mean + spread) * left, num_steps, is_whole=True)


def by_heartbeat(num_steps_left: int, seconds_per_step: float | None, num_steps: int = 20) -> TimeLeft | None:
    """What there is before enough points are written: the mean of the trainer's last steps, and of nothing else."""
    if not seconds_per_step or num_steps_left < 0:
        return None
    seconds = num_steps_left * seconds_per_step
    return TimeLeft(seconds, seconds, seconds, num_steps, is_whole=False)


def _standard_error(steps: Numbers, times: Numbers) -> float:
    """Of the mean seconds per step, by blocks of equally many points; a block has its evaluations in it."""
    edges = np.linspace(0, len(steps) - 1, NUM_BLOCKS + 1).astype(np.int64)
    widths = np.diff(steps[edges])
    means = np.diff(times[edges]) / widths
    return float(means.std(ddof=1) / np.sqrt(NUM_BLOCKS))
