"""How much memory a run may take on its device now. Pure."""

from backend.domain.devices import Devices
from backend.domain.places import Places, need_of

CPU, CUDA = "cpu", "cuda"


def device_of(devices: Devices, places: Places, *, can_use_gpus: bool) -> str:
    """Where a run would be trained: "cpu" or "cuda". `can_use_gpus`: the installed torch is made for them."""
    is_gpu = need_of(devices, places).kind == "gpu" and any(place.is_gpu for place in places.all)
    return CUDA if is_gpu and can_use_gpus else CPU


def room_bytes(devices: Devices, places: Places, device: str, available_bytes: int) -> int | None:
    """What one process may take: of the GPUs with the most room the least one that is needed, or main memory.

    `available_bytes` of main memory can be had without swapping. None where no driver tells it. Processes on the CPU
    share what there is.
    """
    if device == CPU:
        return available_bytes // max(1, devices.processes)
    free = sorted((place.free_bytes for place in places.all if place.free_bytes is not None), reverse=True)
    needed = min(devices.processes, len(free))
    return free[needed - 1] if needed else None
