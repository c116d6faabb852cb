"""What guards see in losses, gradient norms and evaluations. Pure: each observation gives the next detector."""

import statistics
from dataclasses import dataclass, replace
from typing import Self

SMOOTHING = 0.9  # weight of the past in the smoothed loss
SLACK = 0.1  # a loss near 0, or below, is not far from its best within this, in the loss's unit
NORMS = 64
FEWEST_NORMS = 16
SMALLEST_UPDATE = 1e-7  # of a weight's size: float32 itself resolves 6e-8
SMALLEST_GAIN = 0.01  # a loss that falls by less than a hundredth within the window does not fall


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong since when: `text` continues "at step N: ", `good_step` is the last step before it."""

    guard: str
    step: int
    text: str
    good_step: int


@dataclass(frozen=True, slots=True)
class Divergence:
    """The smoothed loss is above `factor` times its best for `patience` steps in a row; told once per episode.

    The smoothed loss is an exponential mean without bias towards 0 (Adam, Kingma & Ba 2015, section 3). For
    losses near 0 or below it, the distance is measured against SLACK instead of the best.
    """

    factor: float
    patience: int
    total: float = 0.0
    weight: float = 0.0
    best: float | None = None
    best_step: int = 0
    num_above: int = 0

    def seen(self, step: int, loss: float) -> tuple[Self, Finding | None]:
        """After one more step with this loss."""
        total = SMOOTHING * self.total + (1 - SMOOTHING) * loss
        weight = SMOOTHING * self.weight + (1 - SMOOTHING)
        smoothed = total / weight
        after = replace(self, total=total, weight=weight)
        if self.best is None or smoothed < self.best:
            return replace(after, best=smoothed, best_step=step, num_above=0), None
        limit = self.best + (self.factor - 1) * max(abs(self.best), SLACK)
        after = replace(after, num_above=self.num_above + 1 if smoothed > limit else 0)
        if after.num_above != self.patience:
            return after, None
        text = (
            f"the smoothed loss is {smoothed:.4g}, after {self.patience} steps above {limit:.4g}; "
            f"its best was {self.best:.4g} at step {self.best_step:,}"
        )
        return after, Finding("divergence", step, text, self.best_step)


@dataclass(frozen=True, slots=True)
class Explosion:
    """The gradient norm is above `factor` times the median of the last steps; told once per episode."""

    factor: float
    norms: tuple[float, ...] = ()
    is_above: bool = False

    def seen(self, step: int, norm: float) -> tuple[Self, Finding | None]:
        """After one more step with this norm."""
        median = statistics.median(self.norms) if len(self.norms) >= FEWEST_NORMS else 0.0
        is_above = median > 0 and norm > self.factor * median
        after = replace(self, norms=(*self.norms, norm)[-NORMS:], is_above=is_above)
        if not is_above or self.is_above:
            return after, None
        text = f"the gradient norm is {norm:.4g}, {norm / median:.0f} times the median of the steps before"
        return after, Finding("gradient-explosion", step, text, step - 1)


@dataclass(frozen=True, slots=True)
class Overfitting:
    """The evaluation loss rises `patience` times in a row, while the training loss falls; told once per episode.

    `low_step` is the evaluation before the first rise, `low_mean` the training loss until then.
    """

    patience: int
    loss_sum: float = 0.0
    num_losses: int = 0
    last: float | None = None
    low_step: int = 0
    low_mean: float | None = None
    num_rises: int = 0

    def trained(self, loss: float) -> Self:
        """After one more step with this training loss."""
        return replace(self, loss_sum=self.loss_sum + loss, num_losses=self.num_losses + 1)

    def seen(self, step: int, eval_loss: float) -> tuple[Self, Finding | None]:
        """After one more evaluation."""
        mean = self.loss_sum / self.num_losses if self.num_losses else None
        after = replace(self, loss_sum=0.0, num_losses=0, last=eval_loss)
        if self.last is None or eval_loss <= self.last:
            return replace(after, low_step=step, low_mean=mean, num_rises=0), None
        is_learning = mean is not None and self.low_mean is not None and mean < self.low_mean
        after = replace(after, num_rises=self.num_rises + 1)
        if after.num_rises != self.patience or not is_learning:
            return after, None
        times = "time" if self.patience == 1 else "times"
        text = (
            f"the evaluation loss rose {self.patience} {times} in a row, to {eval_loss:.4g}, while the training loss "
            f"fell to {mean:.4g}; its best was at step {self.low_step:,}"
        )
        return after, Finding("overfitting", step, text, self.low_step)


@dataclass(frozen=True, slots=True)
class DeadRate:
    """Within `window` steps every measured update was too small for the weights, and the loss did not fall.

    An update's size is relative to the weights' (see SMALLEST_UPDATE); None is a step without measurement.
    """

    window: int
    num_steps: int = 0
    loss_sum: float = 0.0
    num_measured: int = 0
    largest: float = 0.0
    mean_before: float | None = None

    def seen(self, step: int, loss: float, update: float | None) -> tuple[Self, Finding | None]:
        """After one more step."""
        after = replace(
            self,
            num_steps=self.num_steps + 1,
            loss_sum=self.loss_sum + loss,
            num_measured=self.num_measured + (update is not None),
            largest=max(self.largest, update or 0.0),
        )
        if after.num_steps < self.window:
            return after, None
        mean = after.loss_sum / after.num_steps
        fresh = type(self)(self.window, mean_before=mean)
        has_fallen = self.mean_before is not None and mean < self.mean_before - SMALLEST_GAIN * abs(self.mean_before)
        if has_fallen or not after.num_measured or after.largest >= SMALLEST_UPDATE:
            return fresh, None
        text = (
            f"for {self.window} steps no update was larger than {after.largest:.1g} of a weight's size, "
            "and the loss did not fall"
        )
        return fresh, Finding("dead-rate", step, text, step)


@dataclass(frozen=True, slots=True)
class Best:
    """The best evaluation so far, and how many evaluations there were since one that was better by `min_delta`."""

    is_lower_better: bool = True
    min_delta: float = 0.0
    value: float | None = None
    step: int = 0
    reference: float | None = None
    num_since: int = 0

    def seen(self, step: int, value: float) -> Self:
        """After one more evaluation; NaN is never better."""
        after = self
        if self.value is None or self._gain(value, self.value) > 0:
            after = replace(after, value=value, step=step) if value == value else after  # noqa: PLR0124 - NaN
        if self.reference is None or self._gain(value, self.reference) > self.min_delta:
            return replace(after, reference=value, num_since=0) if value == value else after  # noqa: PLR0124
        return replace(after, num_since=self.num_since + 1)

    def _gain(self, value: float, than: float) -> float:
        return than - value if self.is_lower_better else value - than
