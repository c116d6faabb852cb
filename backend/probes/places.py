"""LocalPlaces: the places on this machine's devices that runs started from here may have."""

import os

from backend.domain.machine import MachineProbe
from backend.domain.places import Places, places_of


class LocalPlaces:
    """GPUs that CUDA_VISIBLE_DEVICES shows this program, and `cpu_slots` on the processor."""

    def __init__(self, machine: MachineProbe, cpu_slots: int) -> None:
        self._machine = machine
        self.cpu_slots = cpu_slots

    def now(self) -> Places:
        """A new reading."""
        return places_of(self._machine.gpus(), os.environ.get("CUDA_VISIBLE_DEVICES"), self.cpu_slots)
