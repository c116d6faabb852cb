"""The Machine page's part about dependencies: verdicts, commands that repair, the hub, diagnostics."""

from importlib.metadata import PackageNotFoundError, version

import streamlit as st

from app.components.dependency_list import (
    dependency_badge,
    dependency_problems,
    dependency_table,
    dependency_warnings,
)
from app.components.diagnostics_box import diagnostics_box
from app.components.error_box import error_box
from app.components.install_box import Commands, Installing, install_form, install_progress
from app.components.lazy import lazy_expander
from app.components.markdown_escape import escape
from app.notices import attempt, draw_again
from app.remembered import dependencies
from backend.domain.audit import can_audit
from backend.domain.dependencies import DependencyReport
from backend.services.bundle import Services
from backend.services.jobs import JobState

EVERYTHING = "Everything that is missing or does not fit"
AUDIT = "Look up known vulnerabilities (pip-audit asks a service on the network)"


def dependencies_section(services: Services) -> None:
    """Nothing is installed, and no network is asked, but by a click."""
    st.header("Dependencies", anchor=False)
    report = dependencies(services, services.installs.num_done)
    if report.all_passed:
        dependency_badge(report)
        dependency_warnings(report)
        with lazy_expander("All dependencies", ":material/package_2:", "machine-dependencies") as is_open:
            if is_open:
                dependency_table(report)
                install_form(_commands(services, report), _installing(services))
    else:
        dependency_problems(report)
        dependency_warnings(report)
        dependency_table(report)
        install_form(_commands(services, report), _installing(services))
    _results(services)
    python = services.dependencies.python()
    st.caption("Python that runs the studio, and the studio itself")
    st.code(f"Python {python.version} at {python.path}\nPEFT Studio {_studio_version()}", language=None)
    diagnostics_box(services.diagnostics.parts, services.diagnostics.make)


def _commands(services: Services, report: DependencyReport) -> Commands:
    """By what they are for; one for everything first."""
    found: Commands = {EVERYTHING: report.repair} if report.repair else {}
    found |= {check.name: check.fix_command for check in report.checks if check.fix_command}
    if can_audit(report.checks):
        found[AUDIT] = services.installs.audit_command()
    return found


def _installing(services: Services) -> Installing:
    installs = services.installs
    return Installing(installs.obstacle(), installs.job(), installs.lines, installs.start)


def is_at_work(services: Services) -> bool:
    """Whether something goes on that was started from this part of the page."""
    return any(job is not None and job.is_running for job in (services.installs.job(), services.hub_check.job()))


def dependency_progress(services: Services, was_at_work: bool) -> None:
    """What goes on, within what the page draws again by itself; at its end everything is checked again."""
    if is_at_work(services):
        install_progress(_installing(services))
    elif was_at_work:
        draw_again()


def _results(services: Services) -> None:
    """What came of what was started here."""
    question = services.hub_check.job()
    if not is_at_work(services):
        install_progress(_installing(services))
    if question is not None and question.error is not None:
        error_box(question.error)
    elif question is not None and question.state is JobState.DONE:
        st.caption(escape(str(question.answer)))
    st.button(
        "Ask the hub whether it answers",
        icon=":material/cloud_sync:",
        key="machine-hub",
        disabled=question is not None and question.is_running,
        help="Sends one request without a token; otherwise this page asks no network.",
        on_click=attempt,
        args=(services.hub_check.start,),
    )


def _studio_version() -> str:
    try:
        return version("peft-studio")
    except PackageNotFoundError:
        return "of unknown version"
