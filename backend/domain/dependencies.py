"""What the studio needs on a machine, and what of it is there."""

from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """What a check is about, in the order in which they are told."""

    PYTHON = "Python"
    GPU = "GPU"
    PACKAGES = "Packages"
    OPTIONAL = "Optional packages"
    INSTALLATION = "Installation"
    NETWORK = "Network and hub"


class Verdict(StrEnum):
    """What came of a check; only FAILS and MISSING make a report fail."""

    PASSES = "passes"
    FAILS = "fails"
    MISSING = "missing"
    WARNING = "warning"
    ABSENT = "optional, not installed"


@dataclass(frozen=True, slots=True)
class DependencyCheck:
    """One thing the studio needs or can use. `error` and `fix_instructions` are None when all is well.

    A warning is something to know that keeps nothing from working. `fix_command` are the words of the command in
    `fix_instructions` where this program could run it, none otherwise; `note` tells more, such as what it would bring.
    """

    name: str
    required: bool
    installed: bool
    version: str | None = None
    expected_version: str = ""
    error: str | None = None
    fix_instructions: str | None = None
    topic: Topic = Topic.PACKAGES
    is_warning: bool = False
    fix_command: tuple[str, ...] = ()
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is there in a version that fits; a missing optional one is no failure."""
        return self.error is None or self.is_warning or not (self.required or self.installed)

    @property
    def verdict(self) -> Verdict:
        """In one word, the same on the page and in the terminal."""
        if self.error is None:
            return Verdict.PASSES
        if self.is_warning:
            return Verdict.WARNING
        if self.installed:
            return Verdict.FAILS
        return Verdict.MISSING if self.required else Verdict.ABSENT


@dataclass(frozen=True, slots=True)
class DependencyReport:
    """Every check, and what to do, most important first. `repair` installs all that is missing or does not fit."""

    all_passed: bool
    checks: tuple[DependencyCheck, ...]
    recommendations: tuple[str, ...]
    repair: tuple[str, ...] = ()

    def of(self, topic: Topic) -> tuple[DependencyCheck, ...]:
        """The checks of one topic."""
        return tuple(check for check in self.checks if check.topic is topic)


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
