"""Whether the installed torch can use the GPUs found, by what it was built for and what the driver supports.

Sources, compared on 2026-11-30 with torch 2.13.0, the version that the studio requires:

* builds and their architectures: PyTorch's RELEASE.md ("Release Compatibility Matrix", "PyTorch CUDA Support Matrix"),
  https://github.com/pytorch/pytorch/blob/main/RELEASE.md, rows of 2.13 (pull requests 182849 and 187075);
* the least driver of a major version of CUDA, and that its minor versions all run on it (">= 450", ">= 525", ">= 580"):
  https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html, with 450.80.02 in its note; the
  other digits are those of CUDA 12.0 and 13.0 for Linux in table 3 of
  https://docs.nvidia.com/cuda/cuda-toolkit-release-notes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from packaging.version import InvalidVersion, Version

from backend.domain.machine import GpuReading, TorchBuild

DRIVER_PAGE = "https://www.nvidia.com/drivers"
WHEELS = "https://download.pytorch.org/whl"
OLDEST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}  # by CUDA's major version, Linux


@dataclass(frozen=True, slots=True)
class CudaBuild:
    """A published build of torch 2.13 and the architectures that it has code for, those of x86 and ARM together."""

    cuda: str
    architectures: tuple[str, ...]

    @property
    def wheels(self) -> str:
        """The index where it lies."""
        return wheels_of(self.cuda)


_SINCE_TURING = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_110", "sm_120", "compute_120")
# The first that fits is offered: 13.0 is what an installation from PyPI brings, 12.6 is for older GPUs and drivers.
# Of the same major version, 13.2 runs where 13.0 does, and is called experimental: known, but never better.
BUILDS = (
    CudaBuild("13.0", _SINCE_TURING),
    CudaBuild("12.6", ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")),
    CudaBuild("13.2", _SINCE_TURING),
)
ROCM = "7.2"  # of the build for AMD's GPUs; those for Intel's (xpu) and for processors (cpu) name no version
# Compute capabilities that a CUDA compiler can compile for: release notes of CUDA 11.8, 12.0, 12.8 and 13.0.
_OLDEST_CAPABILITY = {11: (3, 5), 12: (5, 0), 13: (7, 5)}
_BLACKWELL, _ADA = (10, 0), (8, 9)
_ARCHITECTURE = re.compile(r"^(sm|compute)_(\d+)(\d)[a-z]?$")


class TorchTruth(Protocol):
    """What torch itself said in a process of its own."""

    @property
    def is_usable(self) -> bool:
        """Whether training on a GPU can work."""

    @property
    def architectures(self) -> tuple[str, ...]:
        """Those it has code for, such as sm_90 and compute_120."""

    @property
    def error(self) -> str:
        """Why no GPU can be used, "" if one can."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether torch can use the GPUs. `problem` and `fix` are "" if it can.

    `wheels` is the address of a fitting build, "" if none is known or another torch would not help.
    """

    is_usable: bool
    problem: str = ""
    fix: str = ""
    wheels: str = ""


def judge(reading: GpuReading, build: TorchBuild, truth: TorchTruth | None = None) -> Fit:
    """Compare an installed torch with the NVIDIA GPUs found (at least one). `truth` has the last word."""
    if build.rocm:
        why = f"This machine has an NVIDIA GPU, but torch {build.version} was built for AMD's ROCm {build.rocm}."
        return _other_build(why, reading)
    if build.cuda is None:
        kind = "an xpu build for Intel's GPUs" if build.xpu else "a cpu build"
        why = f"This machine has an NVIDIA GPU, but torch {build.version} is {kind}, without CUDA."
        return _other_build(why, reading)
    if (old := _driver_too_old(reading, build.cuda)) is not None:
        return old
    if (strange := _not_compiled_for(reading, build, truth)) is not None:
        return strange
    if truth is not None and not truth.is_usable:
        said = f" ({truth.error})" if truth.error else ""
        why = f"torch {build.version} was asked, and cannot use the GPU{said}."
        return Fit(False, why, "Look at nvidia-smi; restart the machine if the driver was updated.")
    return Fit(True)


def without_nvidia(amd: Sequence[str], build: TorchBuild | None) -> str:
    """What is wrong with a build where there is no NVIDIA GPU; "" if nothing. `amd` are the names of AMD's GPUs."""
    if build is None:
        return ""
    if amd and build.rocm is None:
        return f"This machine has {amd[0]}, but torch {build.version} was not built for AMD's ROCm."
    if build.rocm and not amd:
        return f"torch {build.version} was built for AMD's ROCm {build.rocm}, but no AMD GPU was found."
    return ""


def matching_build(driver_cuda: str | None, capabilities: Sequence[tuple[int, int]] = ()) -> str | None:
    """The CUDA of torch's build that a driver (by its newest CUDA) and all GPUs can run; None if there is none.

    A driver of the same major version is enough: a build for 12.6 runs on one that supports CUDA up to 12.0.
    """
    supported = _pair(driver_cuda)
    if supported is None:
        return None
    for build in BUILDS:
        wanted = _pair(build.cuda)
        assert wanted is not None
        if wanted[0] <= supported[0] and all(covers(build.architectures, each) for each in capabilities):
            return build.cuda
    return None


def wheels_of(cuda: str | None) -> str:
    """Where the builds for a CUDA version lie; "" for none."""
    return f"{WHEELS}/cu{cuda.replace('.', '')}" if cuda else ""


def covers(architectures: Sequence[str], capability: tuple[int, int]) -> bool:
    """Whether a build runs on a GPU: compiled for its generation up to its number, or with PTX not newer than it.

    https://docs.nvidia.com/cuda/cuda-c-programming-guide (binary and PTX compatibility)
    """
    for kind, major, minor in (found.groups() for each in architectures if (found := _ARCHITECTURE.match(each))):
        of_build = int(major), int(minor)
        is_same_generation = of_build[0] == capability[0] and of_build <= capability
        if is_same_generation or (kind == "compute" and of_build <= capability):
            return True
    return False


def _driver_too_old(reading: GpuReading, cuda: str) -> Fit | None:
    """The major version decides; a driver that names no CUDA version is judged by its own number."""
    built, supported = _pair(cuda), _pair(reading.cuda_version)
    if built is None:
        return None
    oldest = OLDEST_DRIVER.get(built[0])
    is_old = supported[0] < built[0] if supported else _is_older(reading.driver_version, oldest)
    if not is_old:
        return None
    newest = f", which supports CUDA up to {reading.cuda_version}" if reading.cuda_version else ""
    driver = reading.driver_version or "of an unknown version"
    why = f"The installed torch needs CUDA {cuda}, but the NVIDIA driver is {driver}{newest}."
    update = (
        f"Update the driver to {oldest} or newer ({DRIVER_PAGE})"
        if oldest
        else f"Update the driver to one that supports CUDA {built[0]} ({DRIVER_PAGE})"
    )
    return Fit(False, why, update, wheels_of(matching_build(reading.cuda_version, _capabilities(reading))))


def _not_compiled_for(reading: GpuReading, build: TorchBuild, truth: TorchTruth | None) -> Fit | None:
    """GPUs that are too old or too new for the build: by what torch told, or is published of it, or by its compiler."""
    built = _pair(build.cuda)
    for gpu in reading.gpus:
        mine = gpu.compute_capability
        if mine is None:
            continue
        known = truth.architectures if truth is not None and truth.architectures else _published(build)
        if known:
            is_covered, how = covers(known, mine), f"has code for {', '.join(known)} only"
        else:
            is_covered, how = (
                built is None or _can_compile(built, mine),
                f"uses CUDA {build.cuda}, which cannot compile for it",
            )
        if not is_covered:
            why = f"{gpu.name} has compute capability {mine[0]}.{mine[1]}; torch {build.version} {how}."
            return _other_build(why, reading, but=build.cuda)
    return None


def _published(build: TorchBuild) -> tuple[str, ...]:
    """The architectures of a wheel of PyTorch's, which its version names; () for what somebody else compiled."""
    if not build.version.startswith("2.13."):
        return ()
    tag = build.version.partition("+")[2]
    return next((each.architectures for each in BUILDS if tag and each.wheels.endswith(f"/{tag}")), ())


def _other_build(why: str, reading: GpuReading, but: str | None = None) -> Fit:
    cuda = matching_build(reading.cuda_version, _capabilities(reading))
    if cuda is None or cuda == but:
        fix = f"Update the driver ({DRIVER_PAGE}), or train on the processor; no build of torch 2.13 fits both."
        return Fit(False, why, fix)
    return Fit(False, why, f"Install the build of torch for CUDA {cuda}", wheels_of(cuda))


def _can_compile(cuda: tuple[int, int], capability: tuple[int, int]) -> bool:
    oldest = _OLDEST_CAPABILITY.get(cuda[0])
    if oldest is not None and capability < oldest:
        return False
    if capability >= _BLACKWELL:
        return cuda >= (12, 8)
    return capability < _ADA or cuda >= (11, 8)


def _capabilities(reading: GpuReading) -> tuple[tuple[int, int], ...]:
    return tuple(gpu.compute_capability for gpu in reading.gpus if gpu.compute_capability is not None)


def _pair(cuda: str | None) -> tuple[int, int] | None:
    found = re.match(r"(\d+)\.(\d+)", cuda or "")
    return (int(found[1]), int(found[2])) if found else None


def _is_older(driver: str | None, oldest: str | None) -> bool:
    if driver is None or oldest is None:
        return False
    try:
        return Version(driver) < Version(oldest)
    except InvalidVersion:
        return False
