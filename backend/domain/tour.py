"""The first-run tour: a demo run, watched, asked, then a person's own file. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum


class TourStep(StrEnum):
    """Where a person is; OFF before it began and after it ended."""

    OFF = "off"
    WATCH = "watch"
    ASK = "ask"
    OWN = "own"


STEPS = (TourStep.WATCH, TourStep.ASK, TourStep.OWN)
VIEWS = {TourStep.WATCH: "monitor", TourStep.ASK: "chat", TourStep.OWN: "train"}


@dataclass(frozen=True, slots=True)
class Tour:
    """The step, and the id of the demo run that the tour is about."""

    step: TourStep = TourStep.OFF
    run_id: str = ""

    @property
    def is_on(self) -> bool:
        """Whether hints are shown."""
        return self.step is not TourStep.OFF

    @property
    def number(self) -> int:
        """The present step, counted from 1; 0 if the tour is off."""
        return STEPS.index(self.step) + 1 if self.is_on else 0

    def begun(self, run_id: str) -> "Tour":
        """From the start, with this demo run."""
        return Tour(TourStep.WATCH, run_id)

    def next(self) -> "Tour":
        """One step on; off after the last."""
        left = STEPS[self.number :] if self.is_on else ()
        return replace(self, step=left[0] if left else TourStep.OFF)
