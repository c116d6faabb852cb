"""peft-studio doctor --audit: known vulnerabilities of what is installed, or why nothing is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.domain.audit import Audit, can_audit
from backend.domain.dependencies import DependencyCheck
from backend.errors import StudioError
from backend.services.bundle import Services

PATIENCE_SECONDS = 900.0  # one request per package, some hundred of them, over a slow line
NOT_INSTALLED = "pip-audit is not installed: the line about it above has the command."
STILL_AT_IT = "pip-audit has not come to an end; its log is logs/install.log in the workspace."


@dataclass(frozen=True, slots=True)
class Audited:
    """Either a result, or why there is none; then nothing is known about vulnerabilities."""

    result: Audit | None
    problem: str = ""


def audit_now(services: Services, checks: Sequence[DependencyCheck]) -> Audited:
    """Runs pip-audit and waits for it. What goes wrong is told, and keeps the doctor from nothing else."""
    if not can_audit(checks):
        return Audited(None, NOT_INSTALLED)
    try:
        job = services.installs.audit()
    except StudioError as error:
        told = error.explain()
        return Audited(None, f"{told.what} {told.why}")
    if not job.wait(PATIENCE_SECONDS):
        return Audited(None, STILL_AT_IT)
    if job.error is not None:
        return Audited(None, f"{job.error.what} {job.error.why} {job.error.fix}")
    assert isinstance(job.answer, Audit)
    return Audited(job.answer)


def audit_lines(audited: Audited | None) -> Iterator[str]:
    """As text; nothing if nobody asked."""
    if audited is None:
        return
    yield "\nKnown vulnerabilities"
    if audited.result is None:
        yield f"        {audited.problem}"
        return
    yield f"{'warning' if audited.result.found else 'ok':<8}{audited.result.sentence}"
    yield from (f"        {line}" for line in audited.result.lines())
