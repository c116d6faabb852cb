"""A machine and an environment as a test describes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.domain.machine import Cpu, Disk, Gpu, GpuReading, Memory, PythonRuntime, TorchBuild

NO_GPU = GpuReading(note="No NVIDIA driver was found.")
ONE_GPU = GpuReading(
    gpus=(Gpu(0, "NVIDIA H200", "GPU-1", 150_000, 1_000, 5.0, 40, 120.0, compute_capability=(9, 0)),),
    driver_version="580.65",
    cuda_version="13.0",
)
CPU_TORCH = TorchBuild("2.13.0+cpu", cuda=None, rocm=None)
CUDA_TORCH = TorchBuild("2.13.0+cu130", cuda="13.0", rocm=None)
PYTHON = PythonRuntime("3.11.7", "/venv/bin/python")
GIBIBYTE = 2**30


@dataclass
class FakeMachine:
    """Implements MachineProbe; `readings` counts how often it was measured."""

    reading: GpuReading = NO_GPU
    readings: int = 0
    others: tuple[Gpu, ...] = ()

    def cpu(self) -> Cpu:
        self.readings += 1
        busy = None if self.readings == 1 else 25.0
        return Cpu("Test CPU", 4, 8, 6, busy, (1.0, 0.5, 0.25))

    def memory(self) -> Memory:
        return Memory(16 * GIBIBYTE, 12 * GIBIBYTE, 0, 0)

    def disk(self) -> Disk:
        return Disk("/workspace", 500 * GIBIBYTE, 100 * GIBIBYTE)

    def disks(self) -> tuple[Disk, ...]:
        return (Disk("/workspace", 500 * GIBIBYTE, 100 * GIBIBYTE, ("workspace", "hub cache")),)

    def gpus(self) -> GpuReading:
        return self.reading

    def other_gpus(self) -> tuple[Gpu, ...]:
        return self.others


@dataclass
class FakePackages:
    """Implements PackageLookup over a dictionary of installed versions."""

    installed: dict[str, str] = field(default_factory=dict)
    needed: Sequence[str] | None = ()
    runtime: PythonRuntime = PYTHON
    python_range: str = ">=3.11"
    build: TorchBuild | None = CPU_TORCH

    def python(self) -> PythonRuntime:
        return self.runtime

    def requirements(self) -> Sequence[str] | None:
        return self.needed

    def requires_python(self) -> str:
        return self.python_range

    def version(self, name: str) -> str | None:
        return self.installed.get(name)

    def torch_build(self) -> TorchBuild | None:
        return self.build
