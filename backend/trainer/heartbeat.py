"""The writer of the heartbeat file, the trainer's sign of life."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

from backend.domain.heartbeat import Heartbeat, Phase

SHORTEST_WAIT_SECONDS = 0.2


class Signs(TypedDict, total=False):
    """What may change from one heartbeat to the next."""

    step: int
    total_steps: int
    detail: str
    phase_progress: float | None
    seconds_per_step: float | None
    loss: float | None


class HeartbeatWriter:
    """Replaces the heartbeat file, at most five times a second within one phase.

    It is not fsynced: after a power failure nobody asks for it. A disk that takes no heartbeat is no reason
    to stop training; the checkpoint that does not fit either will say so.
    `told` hears of each beat, with its phase and step.
    """

    def __init__(self, path: Path, *, token: str, attempt: int, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._clock = clock
        self._written_at = 0.0
        self.told: Callable[[Phase, int], None] | None = None
        self.last = Heartbeat(token, attempt, os.getpid(), Phase.LOADING, 0, 0, at=clock())

    def beat(self, phase: Phase | None = None, **signs: Unpack[Signs]) -> None:
        """Remember what changed; write it if the phase is new or the last writing is 0.2 s ago.

        `detail` and `phase_progress` belong to one call: what is not named again is cleared.
        """
        now = self._clock()
        is_new = phase is not None and phase is not self.last.phase
        base = replace(self.last, phase=phase or self.last.phase, at=now, detail="", phase_progress=None)
        self.last = replace(base, **signs)
        if self.told is not None:
            self.told(self.last.phase, self.last.step)
        if is_new or not 0 <= now - self._written_at < SHORTEST_WAIT_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the newest heartbeat now."""
        self._written_at = self.last.at
        try:
            self._temporary.write_text(self.last.to_json(), encoding="utf-8")
            self._temporary.replace(self._path)
        except OSError:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)


class NoHeartbeat(HeartbeatWriter):
    """Remembers as the other does, and writes nothing: for processes beside the first one of an attempt."""

    def write(self) -> None:
        """Nothing."""
