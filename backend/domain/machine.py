"""What is known about the machine and its installed packages, and the ports through which it is read."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor. `usable_cores` are those this process may run on.

    `busy_percent` is the share of all cores since the previous reading, None at the first one.
    `load` are the numbers of runnable tasks averaged over 1, 5 and 15 minutes. `limit_cores` is so much processor time
    per second as a control group allows, such as 1.5; None without such a limit. `features` are the kernel's names of
    instruction sets. `frequency_mhz` is that of the first core now.
    """

    model: str
    physical_cores: int | None
    logical_cores: int
    usable_cores: int
    busy_percent: float | None
    load: tuple[float, float, float]
    limit_cores: float | None = None
    features: tuple[str, ...] = ()
    frequency_mhz: float | None = None
    max_frequency_mhz: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory that we may use. `available_bytes` is what new programs can get without swapping.

    Where a control group has a limit below the machine's memory, `total_bytes` and `available_bytes` are the group's,
    `limit_bytes` is the limit, and `machine_bytes` is what the machine has.
    """

    total_bytes: int
    available_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int
    limit_bytes: int | None = None
    machine_bytes: int | None = None

    @property
    def used_bytes(self) -> int:
        """What could not be given to a new program."""
        return self.total_bytes - self.available_bytes


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system. `free_bytes` is what this user may still write; `names` say what of ours lies on it."""

    path: str
    total_bytes: int
    free_bytes: int
    names: tuple[str, ...] = ()


class Maker(StrEnum):
    """Who made a GPU."""

    NVIDIA = "nvidia"
    AMD = "amd"
    INTEL = "intel"
    APPLE = "apple"


class DriverState(StrEnum):
    """What became of looking for NVIDIA devices."""

    READY = "ready"
    MISSING = "missing"
    NO_DEVICE = "no-device"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A program that uses a GPU. `name` is "" where we cannot see it, as from inside a container.

    `memory_bytes` is None where the driver does not tell. `ancestors` are its parent's pid, that one's parent's...
    """

    pid: int
    memory_bytes: int | None = None
    name: str = ""
    ancestors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GpuSlice:
    """A part of a GPU that is a device of its own (MIG)."""

    uuid: str
    name: str
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device as its driver describes it; None stands for what the device does not report.

    `energy_joules` were used since the driver was loaded. `slow_reasons` say why its clocks are held down now.
    `ecc_errors` are those that could not be corrected since the driver was loaded. `architecture` is what other makers
    have instead of a compute capability, such as "gfx1100". `memory_is_shared`: it has none of its own.
    `is_partitioned` says whether it gives out slices only.
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
    maker: Maker = Maker.NVIDIA
    power_limit_watts: float | None = None
    clock_mhz: int | None = None
    max_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    slow_reasons: tuple[str, ...] = ()
    ecc_errors: int | None = None
    architecture: str = ""
    driver_version: str | None = None
    memory_is_shared: bool = False
    is_partitioned: bool = False
    slices: tuple[GpuSlice, ...] = ()
    processes: tuple[GpuProcess, ...] = ()


@dataclass(frozen=True, slots=True)
class GpuReading:
    """NVIDIA's GPUs, the driver and its newest CUDA version; `note` says why there are none.

    `is_certain` is False if there is a driver that does not answer: then there may be GPUs.
    """

    gpus: tuple[Gpu, ...] = ()
    driver_version: str | None = None
    cuda_version: str | None = None
    note: str = ""
    is_certain: bool = True

    @property
    def state(self) -> DriverState:
        """In one word."""
        if self.gpus:
            return DriverState.READY
        if not self.is_certain:
            return DriverState.FAILING
        return DriverState.NO_DEVICE if self.driver_version else DriverState.MISSING


@dataclass(frozen=True, slots=True)
class HardwareSnapshot:
    """The machine at one moment (UTC). `gpus` are NVIDIA's; torch reaches those of other makers in other ways.

    `disk` is that of the workspace; `disks` are all that our files lie on, each once.
    """

    at: datetime
    cpu: Cpu
    memory: Memory
    disk: Disk
    gpus: tuple[Gpu, ...]
    gpu_note: str
    gpu_state: DriverState = DriverState.MISSING
    driver_version: str | None = None
    cuda_version: str | None = None
    other_gpus: tuple[Gpu, ...] = ()
    disks: tuple[Disk, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For the outside; the time as ISO-8601."""
        return asdict(self) | {"at": self.at.isoformat()}


class MachineProbe(Protocol):
    """Measures this machine; every call is a new reading and takes milliseconds."""

    def cpu(self) -> Cpu:
        """Cores and load."""

    def memory(self) -> Memory:
        """Main memory and swap."""

    def disk(self) -> Disk:
        """The file system of the workspace."""

    def disks(self) -> tuple[Disk, ...]:
        """The file systems that our files lie on, each once, that of the workspace first."""

    def gpus(self) -> GpuReading:
        """NVIDIA devices; a missing driver is a reading with a note, never an exception."""

    def other_gpus(self) -> tuple[Gpu, ...]:
        """What AMD, Intel and Apple made; never an exception."""


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """What torch was compiled for: the version of CUDA, ROCm or SYCL (`xpu`), all None for a CPU build."""

    version: str
    cuda: str | None
    rocm: str | None
    xpu: str | None = None

    @property
    def variant(self) -> str:
        """Such as "cuda 13.0", "rocm 7.2", "xpu" or "cpu"."""
        if self.cuda:
            return f"cuda {self.cuda}"
        if self.rocm:
            return f"rocm {self.rocm}"
        return "xpu" if self.xpu else "cpu"


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
