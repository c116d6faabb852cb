"""Whether everything the studio needs is installed: a badge, the problems, the whole table."""

import shlex

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.dependencies import DependencyCheck, DependencyReport, Topic
from backend.services.surrounding_checks import PYTHON_PAGE


def dependency_badge(report: DependencyReport) -> None:
    """All is well, and with how many packages."""
    count = sum(check.installed for check in report.checks if check.topic is not Topic.NETWORK)
    st.badge(f"All dependencies pass ({count} found)", icon=":material/verified:", color="green")


def dependency_problems(report: DependencyReport) -> None:
    """Each failed check with what to do about it."""
    failed = [check for check in report.checks if not check.passed]
    text = (
        "The studio is not complete: one dependency fails."
        if len(failed) == 1
        else f"The studio is not complete: {len(failed)} dependencies fail."
    )
    with st.container(border=True, key="dependency-problems"):
        st.error(text, icon=":material/error:")
        if missing := [check.name for check in failed if check.required and not check.installed]:
            st.markdown(f"Required packages missing: {escape(', '.join(missing))}.")
        for check in failed:
            _told(check)
        if any(check.topic is Topic.PYTHON for check in failed):
            st.link_button("Get Python", PYTHON_PAGE, icon=":material/open_in_new:")


def dependency_warnings(report: DependencyReport) -> None:
    """What keeps nothing from working, and is good to know."""
    warnings = [check for check in report.checks if check.passed and check.is_warning and check.error]
    if not warnings:
        return
    with st.container(border=True, key="dependency-warnings"):
        st.warning("Nothing is missing for this, but it is good to know.", icon=":material/warning:")
        for check in warnings:
            _told(check)


def _told(check: DependencyCheck) -> None:
    st.markdown(f"**{escape(check.name)}**: {escape(check.error or '')}")
    if check.fix_instructions:
        st.code(check.fix_instructions, language=None, wrap_lines=True)


def dependency_table(report: DependencyReport) -> None:
    """Every check, failures first."""
    checks = sorted(report.checks, key=lambda check: (check.passed, not check.is_warning, not check.required))
    st.dataframe(
        {
            "Name": [check.name for check in checks],
            "Verdict": [str(check.verdict) for check in checks],
            "Installed": [check.version or "-" for check in checks],
            "Expected": [check.expected_version or "any" for check in checks],
            "What to do": [_advice(check) for check in checks],
        },
        hide_index=True,
        column_config={"What to do": st.column_config.TextColumn(width="large")},
        alt="Dependencies with installed and expected versions",
    )


def _advice(check: DependencyCheck) -> str:
    command = "" if check.fix_instructions else shlex.join(check.fix_command)
    return " ".join(filter(None, (check.error, check.fix_instructions, check.note, command)))
