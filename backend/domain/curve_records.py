"""What records hold that are no scalars, once they were read."""

from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.curves import Numbers

Hparam = str | float | bool | None


@dataclass(frozen=True, slots=True)
class Text:
    """Strings in row-major order; an empty shape is a single one. They come from a file: never show them unescaped."""

    strings: tuple[str, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Buckets from left to right: each holds so many values between its edges. Three arrays of shape (k,)."""

    lefts: Numbers
    rights: Numbers
    counts: Numbers


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture that begins as its media type must; it was never decoded. Sides in pixels."""

    encoded: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class HparamInfo:
    """One hyperparameter of an experiment; `kind` is string, bool, number or unknown.

    Its domain is a list of choices, or an interval from `low` to `high`, or not told.
    """

    name: str
    display_name: str
    description: str
    kind: str
    choices: tuple[Hparam, ...]
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """One metric of an experiment: a tag, in the run itself or in the nested folder `group`."""

    group: str
    tag: str
    display_name: str
    description: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """What all runs of a hyperparameter search have in common."""

    name: str
    description: str
    user: str
    created_at: float
    hparams: tuple[HparamInfo, ...]
    metrics: tuple[MetricInfo, ...]


@dataclass(frozen=True, slots=True)
class SessionStart:
    """With which hyperparameters a run began, and when; seconds since the epoch, 0 if it is not told."""

    hparams: Mapping[str, Hparam]
    group: str
    started_at: float


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a run ended, success, failure, running or unknown, and when."""

    status: str
    ended_at: float


Hparams = Experiment | SessionStart | SessionEnd
Record = Text | Histogram | tuple[Image, ...] | Experiment | SessionStart | SessionEnd
