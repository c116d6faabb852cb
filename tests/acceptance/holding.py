"""Trainers that wait at a step for as long as a test says so: a machine that stalls cannot carry them past it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.store.files import replace_text

FOLDER = Path(__file__).parents[1] / "fakes" / "holding"


@dataclass
class Hold:
    """What the trainers of one workspace are told by a file. Only who uses it has trainers that look there."""

    place: Path
    is_used: bool = False

    def at(self, *steps: int) -> None:
        """The first attempt waits at the first step, the second one at the second; first said before a run begins.

        Its loop waits, between that step and what the step's end brings: logging, evaluating, saving, stopping.
        Its other threads go on, signals are heard, and so are its signs of life.
        """
        self.is_used = True
        replace_text(self.place, json.dumps(steps))

    def end(self) -> None:
        """All go on. It needs no room on a disk."""
        self.place.unlink()

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """What has Python import the module that lets a trainer wait."""
        if not self.is_used:
            return {}
        path = os.pathsep.join([str(FOLDER), *filter(None, [inherited.get("PYTHONPATH")])])
        return {"PYTHONPATH": path, "PEFT_STUDIO_HOLD": str(self.place)}
