"""HardwareService: what the machine has and how busy it is."""

import threading
from collections import deque
from collections.abc import Sequence

from backend.domain.machine import HardwareSnapshot, MachineProbe
from backend.domain.ports import Clock

FRESH_SECONDS = 1.0
HISTORY_LENGTH = 600


class HardwareService:
    """Snapshots of the machine, at most one per second however many sessions ask. Safe from many threads."""

    def __init__(self, probe: MachineProbe, clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._lock = threading.Lock()
        self._history: deque[HardwareSnapshot] = deque(maxlen=HISTORY_LENGTH)
        self._measured_at = float("-inf")

    def snapshot(self) -> HardwareSnapshot:
        """The machine now, or as it was less than a second ago."""
        with self._lock:
            if self._clock.monotonic() - self._measured_at >= FRESH_SECONDS:
                self._history.append(self._measure())
                self._measured_at = self._clock.monotonic()
            return self._history[-1]

    def history(self) -> Sequence[HardwareSnapshot]:
        """The latest snapshots, oldest first; taken only while somebody asks, so there are gaps."""
        self.snapshot()
        with self._lock:
            return tuple(self._history)

    def _measure(self) -> HardwareSnapshot:
        gpus = self._probe.gpus()
        return HardwareSnapshot(
            at=self._clock.now(),
            cpu=self._probe.cpu(),
            memory=self._probe.memory(),
            disk=self._probe.disk(),
            gpus=gpus.gpus,
            gpu_note=gpus.note,
            gpu_state=gpus.state,
            driver_version=gpus.driver_version,
            cuda_version=gpus.cuda_version,
            other_gpus=self._probe.other_gpus(),
            disks=self._probe.disks(),
        )
