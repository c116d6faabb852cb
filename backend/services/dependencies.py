"""DependencyService: whether what the studio needs is installed and fits, and what to do if not."""

import shlex
from collections.abc import Callable

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from backend.domain.cuda_truth import TorchSays, sentence
from backend.domain.dependencies import (
    CudaStatus,
    DependencyCheck,
    DependencyReport,
    DependencyStatus,
    DependencySummary,
    PackageInfo,
    PythonStatus,
)
from backend.domain.machine import GpuReading, MachineProbe, PackageLookup, TorchBuild

OPTIONAL = ("unsloth",)
CUDA_HELP = "CUDA was not detected, so training uses the processor, which is slower."
CUDA_FIX = "Install the NVIDIA driver if this machine has an NVIDIA GPU (https://www.nvidia.com/drivers)."
CPU_BUILD_HELP = "This machine has an NVIDIA GPU, but the installed torch was built without CUDA."
CPU_BUILD_FIX = "Install the CUDA build of the same version (https://pytorch.org/get-started/locally)."


class DependencyService:
    """Reads package metadata and the GPU driver; imports none of the packages it judges."""

    def __init__(
        self,
        packages: PackageLookup,
        machine: MachineProbe,
        truth: Callable[[], TorchSays | None] = lambda: None,
    ) -> None:
        """`truth` is what torch itself said about the GPUs, None while that is not known."""
        self._packages = packages
        self._machine = machine
        self._truth = truth

    def check_all(self) -> DependencyReport:
        """Python, CUDA and every package."""
        checks = (self.check_python(), self.check_cuda(), *self.check_packages())
        failed = [check for check in checks if not check.passed]
        hints = [check for check in checks if check.passed and check.fix_instructions]
        return DependencyReport(
            all_passed=not failed,
            checks=checks,
            recommendations=tuple(f"{check.error} {check.fix_instructions}" for check in (*failed, *hints)),
        )

    def check_python(self) -> DependencyCheck:
        """Whether the interpreter is in the range of the studio's metadata."""
        version, expected = self._packages.python().version, self._packages.requires_python()
        fits = _fits(version, expected)
        return DependencyCheck(
            name="python",
            required=True,
            installed=True,
            version=version,
            expected_version=expected,
            error=None if fits else f"Python {version} runs the studio, but {expected} is needed.",
            fix_instructions=None if fits else f"Install Python {expected} from https://www.python.org.",
        )

    def check_cuda(self) -> DependencyCheck:
        """Whether torch can use an NVIDIA GPU; training works without, so this is optional."""
        cuda = self._cuda()
        is_other_build = cuda.devices and not (cuda.torch_variant or "").startswith("cuda")
        help_, fix = (CPU_BUILD_HELP, CPU_BUILD_FIX) if is_other_build else (CUDA_HELP, CUDA_FIX)
        return DependencyCheck(
            name="cuda",
            required=False,
            installed=cuda.available,
            version=cuda.version,
            error=None if cuda.available else " ".join(part for part in (help_, cuda.note) if part),
            fix_instructions=None if cuda.available else fix,
        )

    def check_packages(self) -> tuple[DependencyCheck, ...]:
        """Every requirement of the studio that applies to this platform, then the optional packages."""
        lines = self._packages.requirements()
        if lines is None:
            return (_not_installed_itself(self._packages.python().path),)
        needed = [Requirement(line) for line in lines]
        applying = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
        return (
            *(self._package(requirement, required=True) for requirement in applying),
            *(self._package(Requirement(name), required=False) for name in OPTIONAL),
        )

    def python(self) -> PythonStatus:
        """The one that runs the studio; asks no package."""
        python = self._packages.python()
        return PythonStatus(installed=True, version=python.version, path=python.path)

    def status(self) -> DependencyStatus:
        """The same facts by kind."""
        return DependencyStatus(
            python=self.python(),
            cuda=self._cuda(),
            packages={check.name: _package_info(check) for check in self.check_packages()},
        )

    def summary(self) -> DependencySummary:
        """What GET /api/dependencies answers; a torch of the wrong version is not available."""
        checks = {check.name: check for check in self.check_packages()}
        return DependencySummary(
            python_version=self._packages.python().version,
            torch_available=_is_usable(checks.get("torch")),
            cuda_available=self._cuda().available,
            transformers_version=self._packages.version("transformers"),
            peft_version=self._packages.version("peft"),
            unsloth_available=_is_usable(checks.get("unsloth")),
            missing_packages=tuple(c.name for c in checks.values() if c.required and not c.installed),
        )

    def _package(self, requirement: Requirement, *, required: bool) -> DependencyCheck:
        name, expected = requirement.name, str(requirement.specifier)
        version = self._packages.version(name)
        error = None
        if version is None:
            error = f"{name} is not installed."
        elif not _fits(version, expected):
            error = f"{name} {version} is installed, but {expected} is needed."
        return DependencyCheck(
            name=name,
            required=required,
            installed=version is not None,
            version=version,
            expected_version=expected,
            error=error,
            fix_instructions=self._install(requirement) if error and required else None,
        )

    def _install(self, requirement: Requirement) -> str:
        command = shlex.join([self._packages.python().path, "-m", "pip", "install", str(requirement)])
        return f"Run: {command}"

    def _cuda(self) -> CudaStatus:
        reading, build = self._machine.gpus(), self._packages.torch_build()
        could_work, said = bool(reading.gpus) and build is not None and build.cuda is not None, self._truth()
        return CudaStatus(
            available=could_work and (said is None or said.is_usable),
            version=reading.cuda_version,
            driver_version=reading.driver_version,
            devices=tuple(gpu.name for gpu in reading.gpus),
            torch_variant=build.variant if build else None,
            note=sentence(said) if could_work and said is not None else _cuda_note(reading, build),
        )


def _cuda_note(reading: GpuReading, build: TorchBuild | None) -> str:
    if not reading.gpus or build is None or build.cuda:
        return reading.note
    return f"torch {build.version} is a {build.variant} build."


def _not_installed_itself(python: str) -> DependencyCheck:
    command = shlex.join([python, "-m", "pip", "install", "-e", "."])
    return DependencyCheck(
        name="peft-studio",
        required=True,
        installed=False,
        error="The studio's own package metadata is missing, so its requirements are unknown.",
        fix_instructions=f"Run in the studio's folder: {command}",
    )


def _fits(version: str, expected: str) -> bool:
    try:
        return SpecifierSet(expected).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def _is_usable(check: DependencyCheck | None) -> bool:
    return check is not None and check.installed and check.error is None


def _package_info(check: DependencyCheck) -> PackageInfo:
    return PackageInfo(check.installed, check.version, check.required, compatible=_is_usable(check))
