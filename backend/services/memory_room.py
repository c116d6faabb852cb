"""MemoryRoom: where a run would be trained, and what it may take there now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backend.domain.devices import Devices
from backend.domain.machine import GpuReading, PackageLookup
from backend.domain.memory_room import device_of, room_bytes
from backend.domain.places import places_of
from backend.services.hardware import HardwareService


@dataclass(frozen=True, slots=True)
class Room:
    """`device` is "cpu" or "cuda"; `free_bytes` is None where no driver tells it."""

    device: str
    free_bytes: int | None


class MemoryRoom:
    """Holds no state. `available_bytes` measures main memory within the limits of control groups."""

    def __init__(
        self,
        hardware: HardwareService,
        packages: PackageLookup,
        available_bytes: Callable[[], int],
        environ: Mapping[str, str],
    ) -> None:
        self._hardware = hardware
        self._packages = packages
        self._available_bytes = available_bytes
        self._environ = environ

    def of(self, devices: Devices) -> Room:
        """For a run on these devices."""
        now = self._hardware.snapshot()
        places = places_of(GpuReading(now.gpus, note=now.gpu_note), self._environ.get("CUDA_VISIBLE_DEVICES"), 1)
        device = device_of(devices, places, can_use_gpus=self._has_gpu_build())
        available = min(now.memory.available_bytes, self._available_bytes())
        return Room(device, room_bytes(devices, places, device, available))

    def _has_gpu_build(self) -> bool:
        build = self._packages.torch_build()
        return build is None or build.cuda is not None or build.rocm is not None
