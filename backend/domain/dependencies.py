"""What the studio needs on a machine, and what of it is there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DependencyCheck:
    """One thing the studio needs or can use. `error` and `fix_instructions` are None when all is well."""

    name: str
    required: bool
    installed: bool
    version: str | None = None
    expected_version: str = ""
    error: str | None = None
    fix_instructions: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it is there in a version that fits; a missing optional one is no failure."""
        return self.error is None or not (self.required or self.installed)


@dataclass(frozen=True, slots=True)
class DependencyReport:
    """Every check, and what to do, most important first."""

    all_passed: bool
    checks: tuple[DependencyCheck, ...]
    recommendations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PythonStatus:
    """The interpreter."""

    installed: bool
    version: str
    path: str


@dataclass(frozen=True, slots=True)
class CudaStatus:
    """Whether torch can use a GPU here. `version` is the newest CUDA that the driver supports."""

    available: bool
    version: str | None
    driver_version: str | None
    devices: tuple[str, ...]
    torch_variant: str | None
    note: str


@dataclass(frozen=True, slots=True)
class PackageInfo:
    """One package. `compatible` says whether its version is in the range the studio was tested with."""

    installed: bool
    version: str | None
    required: bool
    compatible: bool


@dataclass(frozen=True, slots=True)
class DependencyStatus:
    """The same facts by kind, for the Machine page."""

    python: PythonStatus
    cuda: CudaStatus
    packages: dict[str, PackageInfo]


@dataclass(frozen=True, slots=True)
class DependencySummary:
    """The answer of GET /api/dependencies, field by field."""

    python_version: str
    torch_available: bool
    cuda_available: bool
    transformers_version: str | None
    peft_version: str | None
    unsloth_available: bool
    missing_packages: tuple[str, ...]
