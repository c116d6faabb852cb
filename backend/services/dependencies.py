"""DependencyService: whether what the studio needs is installed and fits, and what to do if not."""

import sys
from collections.abc import Callable, Iterator

from packaging.requirements import Requirement
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
    Topic,
)
from backend.domain.machine import GpuReading, MachineProbe, Maker, PackageLookup, TorchBuild
from backend.domain.optional_packages import Place
from backend.domain.pip_command import Pip, told
from backend.domain.surroundings import Surroundings
from backend.domain.torch_fit import DRIVER_PAGE, ROCM, Fit, judge, without_nvidia
from backend.services.package_checks import applying, broken_metadata, fits, needed_package, optional_packages, origins
from backend.services.surrounding_checks import caches, network, python_fix

CUDA_HELP = "CUDA was not detected, so training uses the processor, which is slower."
CUDA_FIX = f"Install the NVIDIA driver if this machine has an NVIDIA GPU ({DRIVER_PAGE})."
AMD_FIX = (
    f"For an AMD GPU install torch's build for ROCm {ROCM} (https://pytorch.org/get-started/locally); untried here."
)


class DependencyService:
    """Reads package metadata and the GPU driver; imports none of the packages it judges, and asks no network."""

    def __init__(
        self,
        packages: PackageLookup,
        machine: MachineProbe,
        surroundings: Surroundings | None = None,
        truth: Callable[[], TorchSays | None] = lambda: None,
    ) -> None:
        """`truth` is what torch said about the GPU in a process of its own, None while that is not known."""
        self._packages = packages
        self._machine = machine
        self._surroundings = surroundings
        self._truth = truth

    def check_all(self) -> DependencyReport:
        """Everything, in the order of the topics."""
        found = (
            self.check_python(),
            *self._pip_itself(),
            self.check_cuda(),
            *self.check_packages(),
            *self.check_surroundings(),
        )
        order = list(Topic)
        checks = tuple(sorted(found, key=lambda check: order.index(check.topic)))
        failed = [check for check in checks if not check.passed]
        hints = [check for check in checks if check.passed and check.fix_instructions]
        return DependencyReport(
            all_passed=not failed,
            checks=checks,
            recommendations=tuple(f"{check.error} {check.fix_instructions}" for check in (*failed, *hints)),
            repair=self._repair(),
        )

    def check_python(self) -> DependencyCheck:
        """Whether the interpreter is in the range of the studio's metadata."""
        version, expected = self._packages.python().version, self._packages.requires_python()
        does_fit = fits(version, expected)
        others = () if does_fit or self._surroundings is None else self._surroundings.pythons()
        return DependencyCheck(
            name="python",
            required=True,
            installed=True,
            version=version,
            expected_version=expected,
            error=None if does_fit else f"Python {version} runs the studio, but {expected} is needed.",
            fix_instructions=None if does_fit else python_fix(expected, others, lambda other: fits(other, expected)),
            topic=Topic.PYTHON,
        )

    def check_cuda(self) -> DependencyCheck:
        """Whether torch can use an NVIDIA GPU; training works without, so this is optional."""
        reading, build = self._machine.gpus(), self._packages.torch_build()
        cuda, fit = self._cuda(reading, build)
        error, fix, command = self._about_gpu(cuda, build, fit)
        return DependencyCheck(
            name="cuda",
            required=False,
            installed=cuda.available,
            version=cuda.version,
            error=error,
            fix_instructions=fix,
            topic=Topic.GPU,
            is_warning=bool(reading.gpus) and not cuda.available,
            fix_command=command,
        )

    def check_packages(self) -> tuple[DependencyCheck, ...]:
        """Every requirement of the studio that applies to this platform, then the optional packages."""
        needed = self._needed()
        if needed is None:
            return (_not_installed_itself(self._pip()),)
        pip = self._pip()
        return (
            *(needed_package(self._packages, requirement, pip) for requirement in needed),
            *optional_packages(self._packages, needed, self._place(), pip),
        )

    def check_surroundings(self) -> Iterator[DependencyCheck]:
        """Where packages came from, what is there twice, disks of the caches, network and token."""
        if self._surroundings is None:
            return
        found = self._surroundings.distributions()
        yield from origins(found)
        yield from broken_metadata(found, self._pip())
        yield from caches(self._surroundings.caches())
        yield from network(self._surroundings.hub())

    def python(self) -> PythonStatus:
        """The one that runs the studio; asks no package."""
        python = self._packages.python()
        return PythonStatus(installed=True, version=python.version, path=python.path)

    def status(self) -> DependencyStatus:
        """The same facts by kind."""
        return DependencyStatus(
            python=self.python(),
            cuda=self._cuda(self._machine.gpus(), self._packages.torch_build())[0],
            packages={check.name: _package_info(check) for check in self.check_packages()},
        )

    def summary(self) -> DependencySummary:
        """What GET /api/dependencies answers; a torch of the wrong version is not available."""
        checks = {check.name: check for check in self.check_packages()}
        return DependencySummary(
            python_version=self._packages.python().version,
            torch_available=_is_usable(checks.get("torch")),
            cuda_available=self._cuda(self._machine.gpus(), self._packages.torch_build())[0].available,
            transformers_version=self._packages.version("transformers"),
            peft_version=self._packages.version("peft"),
            unsloth_available=_is_usable(checks.get("unsloth")),
            missing_packages=tuple(c.name for c in checks.values() if c.required and not c.installed),
        )

    def _needed(self) -> tuple[Requirement, ...] | None:
        lines = self._packages.requirements()
        return None if lines is None else applying(lines)

    def _pip(self) -> Pip:
        pinned = self._surroundings.constraints() if self._surroundings is not None else None
        return Pip(self._packages.python().path, pinned)

    def _pip_itself(self) -> Iterator[DependencyCheck]:
        """Environments that other tools made have none."""
        if self._surroundings is None or self._packages.version("pip") is not None:
            return
        command = (self._packages.python().path, "-m", "ensurepip", "--upgrade")
        error = "pip is not installed, so that the commands below would not run."
        yield DependencyCheck(
            "pip", False, False, None, "", error, told(command), Topic.PYTHON, is_warning=True, fix_command=command
        )

    def _repair(self) -> tuple[str, ...]:
        """One command for all packages that are missing or do not fit."""
        needed, pip = self._needed() or (), self._pip()
        wanted = [str(each) for each in needed if needed_package(self._packages, each, pip).error]
        return pip.install(*wanted) if wanted else ()

    def _place(self) -> Place:
        gpus = self._machine.gpus().gpus
        capabilities = tuple(gpu.compute_capability for gpu in gpus if gpu.compute_capability is not None)
        return Place(sys.platform, _minor(self._packages.python().version), capabilities)

    def _about_gpu(
        self, cuda: CudaStatus, build: TorchBuild | None, fit: Fit | None
    ) -> tuple[str | None, str | None, tuple[str, ...]]:
        """What is wrong, what to do, and the command that does it; all empty if the GPU can be used."""
        if cuda.available:
            return None, None, ()
        if fit is None:
            amd = [gpu.name for gpu in self._machine.other_gpus() if gpu.maker is Maker.AMD]
            strange = without_nvidia(amd, build)
            words = " ".join(part for part in (CUDA_HELP, cuda.note, strange) if part)
            return words, AMD_FIX if strange else CUDA_FIX, ()
        version = build.version.partition("+")[0] if build is not None else ""
        command = self._pip().install(f"torch=={version}", wheels=fit.wheels) if fit.wheels else ()
        if not command:
            return fit.problem, fit.fix, ()
        joint = ", or take another build of torch" if DRIVER_PAGE in fit.fix else ""
        return fit.problem, f"{fit.fix}{joint}. {told(command)}", command

    def _cuda(self, reading: GpuReading, build: TorchBuild | None) -> tuple[CudaStatus, Fit | None]:
        """The judgement is None where there is no GPU or no torch to judge."""
        said = self._truth()
        fit = judge(reading, build, said) if reading.gpus and build is not None else None
        status = CudaStatus(
            available=fit is not None and fit.is_usable,
            version=reading.cuda_version,
            driver_version=reading.driver_version,
            devices=tuple(gpu.name for gpu in reading.gpus),
            torch_variant=build.variant if build else None,
            note=_note(reading, fit, said),
        )
        return status, fit


def _note(reading: GpuReading, fit: Fit | None, said: TorchSays | None) -> str:
    """What torch said where it works, else what is wrong."""
    if fit is None:
        return reading.note
    return fit.problem or (sentence(said) if said is not None else "")


def _not_installed_itself(pip: Pip) -> DependencyCheck:
    command = pip.install("-e", ".")
    return DependencyCheck(
        name="peft-studio",
        required=True,
        installed=False,
        error="The studio's own package metadata is missing, so its requirements are unknown.",
        fix_instructions=f"In the studio's folder. {told(command)}",
    )


def _minor(version: str) -> tuple[int, int]:
    try:
        found = Version(version)
    except InvalidVersion:
        return (0, 0)
    return found.major, found.minor


def _is_usable(check: DependencyCheck | None) -> bool:
    return check is not None and check.installed and check.error is None


def _package_info(check: DependencyCheck) -> PackageInfo:
    return PackageInfo(check.installed, check.version, check.required, compatible=_is_usable(check))
