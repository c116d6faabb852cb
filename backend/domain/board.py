"""A board: which charts are drawn, of which curves, and how; what the chart component is told."""

from dataclasses import dataclass, field
from enum import StrEnum

NUM_COLORS = 12  # of the palette; beyond, they come again with another dash


class XAxis(StrEnum):
    """What a curve is drawn over."""

    STEP = "step"
    RELATIVE = "relative"  # seconds since the first point of the run
    WALL = "wall"  # seconds since the epoch
    TOKENS = "tokens"
    EPOCH = "epoch"


class Spread(StrEnum):
    """What the band of a group of runs shows around their mean."""

    NONE = "none"
    RANGE = "range"  # lowest to highest
    DEVIATION = "deviation"  # one standard deviation to each side
    CONFIDENCE = "confidence"  # 95 % confidence interval of the mean, Student's t


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: a tag of one source, or the mean over several.

    A source is `run:<run id>` or `dir:<key>/<run>`; what a browser sends is checked against what is known.
    `color` counts through the palette. With `minus`, the line is its difference to that source's curve.
    """

    sources: tuple[str, ...]
    tag: str
    label: str
    color: int = 0
    is_dashed: bool = False
    minus: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a step of a source: an attempt began, a checkpoint was sealed."""

    source: str
    step: int
    kind: str  # "attempt" | "checkpoint"
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines that share a unit. `id` stays the same over refreshes; `group` is the heading it stands under.

    With `is_stacked` the lines are parts of a whole, drawn on top of one another.
    """

    id: str
    title: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    unit: str = ""
    group: str = ""
    is_pinned: bool = False
    is_stacked: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """How a person wants to see all charts of a board.

    `smoothing` is the weight of TensorBoard's moving average, 0 for none. `window` is the part of the x axis
    shown, in its unit, None for all.
    """

    smoothing: float = 0.0
    x: XAxis = XAxis.STEP
    is_log_x: bool = False
    is_log_y: bool = False
    ignores_outliers: bool = False
    shows_ghosts: bool = True
    spread: Spread = Spread.DEVIATION
    window: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """Charts under one look, with one hover and one zoom."""

    charts: tuple[Chart, ...]
    look: Look = field(default_factory=Look)
