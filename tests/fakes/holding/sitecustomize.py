"""Lets a trainer wait where a test says; Python imports it by itself, because PYTHONPATH names this folder.

The file that PEFT_STUDIO_HOLD names lists a step for each of the first attempts. No other program is touched, and
no standby: not even one that becomes a trainer.
"""

import os
import sys
from pathlib import Path

POLL_SECONDS = 0.05


def let_wait(place: Path) -> None:
    """Hold a sign of training up while the file names this step of this attempt, or an earlier one."""
    import json
    import time
    from dataclasses import replace
    from typing import Unpack

    from backend.domain.heartbeat import Phase
    from backend.trainer.heartbeat import HeartbeatWriter, Signs

    beat = HeartbeatWriter.beat

    def is_held(attempt: int, step: int) -> bool:
        try:
            steps = json.loads(place.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False
        return any(step >= limit for limit in steps[attempt - 1 : attempt])

    def beat_and_wait(self: HeartbeatWriter, phase: Phase | None = None, **signs: Unpack[Signs]) -> None:
        beat(self, phase, **signs)
        while phase is Phase.TRAINING and is_held(self.last.attempt, self.last.step):
            self.last = replace(self.last, at=time.time())  # who waits does not hang
            self.write()
            time.sleep(POLL_SECONDS)

    HeartbeatWriter.beat = beat_and_wait  # type: ignore[method-assign]


TRAINERS = {"backend.trainer", "backend.trainer.rank"}  # a process by itself, and each of several

if "PEFT_STUDIO_HOLD" in os.environ and TRAINERS & set(sys.orig_argv):
    let_wait(Path(os.environ["PEFT_STUDIO_HOLD"]))
