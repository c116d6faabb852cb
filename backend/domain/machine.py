"""What is known about the machine and its installed packages, and the ports through which it is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor. `usable_cores` are those this process may run on.

    `busy_percent` is the share of all cores since the previous reading, None at the first one.
    `load` are the numbers of runnable tasks averaged over 1, 5 and 15 minutes.
    """

    model: str
    physical_cores: int | None
    logical_cores: int
    usable_cores: int
    busy_percent: float | None
    load: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory. `available_bytes` is what new programs can get without swapping."""

    total_bytes: int
    available_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int

    @property
    def used_bytes(self) -> int:
        """What could not be given to a new program."""
        return self.total_bytes - self.available_bytes


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of the workspace. `free_bytes` is what this user may still write."""

    path: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA device as its driver describes it; None stands for what the device does not report.

    `energy_joules` were used since the driver was loaded.
    """

    index: int
    name: str
    uuid: str
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    busy_percent: float | None = None
    temperature_celsius: int | None = None
    power_watts: float | None = None
    energy_joules: float | None = None
    compute_capability: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class GpuReading:
    """The GPUs, the driver and its newest CUDA version; `note` says why there are none.

    `is_certain` is False if there is a driver that does not answer: then there may be GPUs.
    """

    gpus: tuple[Gpu, ...] = ()
    driver_version: str | None = None
    cuda_version: str | None = None
    note: str = ""
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class HardwareSnapshot:
    """The machine at one moment (UTC)."""

    at: datetime
    cpu: Cpu
    memory: Memory
    disk: Disk
    gpus: tuple[Gpu, ...]
    gpu_note: str


class MachineProbe(Protocol):
    """Measures this machine; every call is a new reading and takes milliseconds."""

    def cpu(self) -> Cpu:
        """Cores and load."""

    def memory(self) -> Memory:
        """Main memory and swap."""

    def disk(self) -> Disk:
        """The file system of the workspace."""

    def gpus(self) -> GpuReading:
        """NVIDIA devices; a missing driver is a reading with a note, never an exception."""


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """What torch was compiled for: CUDA or ROCm version, both None for a CPU build."""

    version: str
    cuda: str | None
    rocm: str | None

    @property
    def variant(self) -> str:
        """Such as "cuda 13.0", "rocm 7.1" or "cpu"."""
        if self.cuda:
            return f"cuda {self.cuda}"
        return f"rocm {self.rocm}" if self.rocm else "cpu"


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """The interpreter that runs us."""

    version: str
    path: str


class PackageLookup(Protocol):
    """What is installed in this environment, without importing any of it."""

    def python(self) -> PythonRuntime:
        """The running interpreter."""

    def requirements(self) -> Sequence[str] | None:
        """The studio's own requirements (PEP 508); None if its metadata is missing."""

    def requires_python(self) -> str:
        """The studio's version specifier for Python, such as ">=3.11"; "" if unknown."""

    def version(self, name: str) -> str | None:
        """The installed version of a distribution, or None."""

    def torch_build(self) -> TorchBuild | None:
        """What the installed torch was compiled for; None if there is none or it does not say."""
