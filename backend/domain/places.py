"""The places on devices that a machine gives out ("gpu:0", "cpu:0"), and how many of them a run needs. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from backend.domain.devices import Devices
from backend.domain.machine import Gpu, GpuReading

Kind = Literal["gpu", "cpu"]
# A heuristic for a run that does not say what it needs: beside a program that holds more than half of a device, it
# would only fail for want of memory.
LEAST_FREE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """One run may have it at a time. Memory is measured, None where no driver tells it."""

    name: str
    total_bytes: int | None = None
    free_bytes: int | None = None

    @property
    def is_gpu(self) -> bool:
        """Whether it is one on a GPU."""
        return self.name.startswith("gpu:")


@dataclass(frozen=True, slots=True)
class Places:
    """What a program may give out. `has_gpus`: the machine has GPUs, whether or not they are visible here.

    `note` says why its GPUs cannot be told; then nothing is given to a run that may want one.
    """

    all: tuple[Place, ...]
    has_gpus: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """So many places of a kind; each with `memory_bytes` free, None if nobody said how much."""

    kind: Kind = "cpu"
    count: int = 1
    memory_bytes: int | None = None

    def could_use(self, place: Place) -> bool:
        """Whether the place would do if nobody used it."""
        is_large_enough = place.total_bytes is None or place.total_bytes >= (self.memory_bytes or 0)
        return place.is_gpu == (self.kind == "gpu") and is_large_enough

    def fits(self, place: Place) -> bool:
        """Whether a place that no run has would do now, with what other programs left of it."""
        if not self.could_use(place):
            return False
        if place.free_bytes is None or place.total_bytes is None:
            return True
        needed = place.total_bytes * LEAST_FREE_SHARE if self.memory_bytes is None else self.memory_bytes
        return place.free_bytes >= needed


def need_of(devices: Devices, places: Places) -> Need:
    """One GPU per process; a CPU place where the machine has no GPU or the order says so, however many processes."""
    if devices.kind == "cpu" or not (places.has_gpus or places.note):
        return Need("cpu")
    return Need("gpu", devices.processes, devices.memory_bytes)


def places_of(reading: GpuReading, visible: str | None, cpu_slots: int) -> Places:
    """The places of a machine. `visible` is CUDA_VISIBLE_DEVICES; indices count in PCI order, as the driver does.

    Source: https://docs.nvidia.com/cuda/cuda-c-programming-guide/#env-vars (what follows an invalid entry is
    invisible). A partition (MIG-...) is a place whose memory is not known.
    """
    gpus = {f"gpu:{gpu.index}": _place(gpu) for gpu in reading.gpus}
    if visible is not None:
        gpus = {place.name: place for place in _visible(visible.split(","), reading.gpus)}
    cpus = tuple(Place(f"cpu:{number}") for number in range(cpu_slots))
    return Places((*gpus.values(), *cpus), bool(reading.gpus), "" if reading.is_certain else reading.note)


def visible_devices(slots: Sequence[str], devices: Devices) -> dict[str, str]:
    """The variables that show a trainer the GPUs of its places and no others.

    A CPU place hides every GPU only if the order says so: there may be GPUs of other makers, which have no places.
    """
    names = [slot.removeprefix("gpu:") for slot in slots if slot.startswith("gpu:")]
    if names:
        return {"CUDA_VISIBLE_DEVICES": ",".join(names), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return {"CUDA_VISIBLE_DEVICES": ""} if devices.kind == "cpu" else {}


def _visible(entries: Sequence[str], gpus: Sequence[Gpu]) -> Iterable[Place]:
    for entry in (text.strip() for text in entries):
        if entry.startswith("MIG-"):
            yield Place(f"gpu:{entry}")
            continue
        found = [gpu for gpu in gpus if _means(entry, gpu)]
        if len(found) != 1:
            return
        yield _place(found[0])


def _means(entry: str, gpu: Gpu) -> bool:
    return entry == str(gpu.index) or (entry.startswith("GPU-") and gpu.uuid.startswith(entry))


def _place(gpu: Gpu) -> Place:
    total, used = gpu.memory_total_bytes, gpu.memory_used_bytes
    free = None if total is None or used is None else total - used
    return Place(f"gpu:{gpu.index}", total, free)
