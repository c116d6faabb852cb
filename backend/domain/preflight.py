"""What was found out about a run before it starts."""

from dataclasses import dataclass
from enum import StrEnum

from backend.errors import Explanation


class Severity(StrEnum):
    """ERROR keeps the run from starting, WARNING does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth knowing before the start."""

    severity: Severity
    explanation: Explanation

    def sentence(self) -> str:
        """All of it in one line."""
        return self.explanation.sentence()


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """Findings, with the counts that were measured; None where a finding kept them from being measured."""

    findings: tuple[Finding, ...]
    num_rows: int | None = None
    format: str | None = None
    steps_estimate: int | None = None
    free_bytes: int | None = None
    needed_bytes: int | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that keep the run from starting."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that do not."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)
