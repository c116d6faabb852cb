"""What torch itself says about the GPUs it can use, asked in a process of its own; and when that may have changed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from backend.domain.machine import GpuReading, TorchBuild
from backend.domain.sizes import in_bytes

# What hides or shows devices to torch.
VARIABLES = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class TorchDevice(BaseModel):
    """One GPU as torch counts and names it."""

    model_config = _FROZEN
    name: str
    capability: tuple[int, int]
    memory_bytes: int
    supports_bfloat16: bool


class TorchSays(BaseModel):
    """`error` is why no GPU can be used, or what came of the small product of matrices that was tried on the first.

    `cuda` and `rocm` are what this torch was compiled for, both None for a CPU build. `architectures` are those it has
    machine code for, such as sm_90. `computes` is None where nothing was tried, or for want of free memory.
    """

    model_config = _FROZEN
    torch_version: str
    cuda: str | None
    rocm: str | None
    is_available: bool
    architectures: tuple[str, ...] = ()
    devices: tuple[TorchDevice, ...] = ()
    computes: bool | None = None
    has_mps: bool = False
    has_xpu: bool = False
    error: str = ""

    @property
    def build(self) -> str:
        """Such as "cuda 13.0", "rocm 7.2" or "cpu"."""
        return TorchBuild(self.torch_version, self.cuda, self.rocm).variant

    @property
    def is_usable(self) -> bool:
        """Whether training on a GPU can work."""
        return self.is_available and self.computes is not False


class CudaTruth(TorchSays):
    """The same, with the time (UTC) when it was asked."""

    asked_at: datetime


def sentence(said: TorchSays) -> str:
    """In words; not escaped."""
    torch = f"torch {said.torch_version}"
    if said.cuda is None and said.rocm is None:
        other = _other(said)
        return f"{torch} is a CPU build: it can use no CUDA device{other}."
    if not said.is_available:
        why = f": {said.error.rstrip('.')}" if said.error else ""
        return f"{torch}, built for {said.build}, can use no GPU here{why}."
    count = len(said.devices)
    found = f"{torch}, built for {said.build}, can use {count} {'GPU' if count == 1 else 'GPUs'}"
    if said.computes is None:
        return f"{found}; whether it computes there was not tried: {said.error or 'no reason was given'}."
    if not said.computes:
        return f"{found}, but a small calculation on the first one failed: {said.error.rstrip('.')}."
    return f"{found}, and a small calculation on the first one was right."


def in_words(truth: CudaTruth) -> tuple[str, ...]:
    """The sentence, then each device, the machine code that this torch has, and when it was asked; not escaped."""
    devices = (f"cuda:{number} is {_device(device)}." for number, device in enumerate(truth.devices))
    code = (f"It has machine code for {', '.join(truth.architectures)}.",) if truth.architectures else ()
    return (sentence(truth), *devices, *code, f"Asked on {truth.asked_at:%Y-%m-%d at %H:%M} UTC.")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an answer depends on."""

    build: TorchBuild | None
    reading: GpuReading
    variables: Mapping[str, str]
    python: str

    @property
    def is_open(self) -> bool:
        """Whether only torch can tell: there is an NVIDIA GPU, and a torch that was built for one."""
        return bool(self.reading.gpus) and self.build is not None and self.build.cuda is not None

    @property
    def fingerprint(self) -> str:
        """Changes when the answer may: another torch, driver, set of GPUs, choice of them, or interpreter."""
        build, reading = self.build, self.reading
        told = {
            "torch": [build.version, build.cuda, build.rocm] if build else None,
            "driver": [reading.driver_version, reading.cuda_version],
            "gpus": [[gpu.uuid, gpu.is_partitioned, *(part.uuid for part in gpu.slices)] for gpu in reading.gpus],
            "variables": {name: self.variables[name] for name in VARIABLES if name in self.variables},
            "python": self.python,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _device(device: TorchDevice) -> str:
    bfloat16 = "with" if device.supports_bfloat16 else "without"
    capability = "{}.{}".format(*device.capability)
    return f"{device.name}, compute capability {capability}, {in_bytes(device.memory_bytes)}, {bfloat16} bfloat16"


def _other(said: TorchSays) -> str:
    found = [name for name, has in (("Apple's GPU (MPS)", said.has_mps), ("Intel's GPU (XPU)", said.has_xpu)) if has]
    return f", but {' and '.join(found)}" if found else ""
