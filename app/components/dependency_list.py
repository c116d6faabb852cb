"""Whether everything the studio needs is installed: a badge, the problems, the whole table."""

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.dependencies import DependencyCheck, DependencyReport


def dependency_badge(report: DependencyReport) -> None:
    """All is well, and with how many packages."""
    count = sum(check.installed for check in report.checks)
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
        for check in failed:
            st.markdown(f"**{escape(check.name)}**: {escape(check.error or '')}")
            if check.fix_instructions:
                st.code(check.fix_instructions, language=None, wrap_lines=True)


def dependency_table(report: DependencyReport) -> None:
    """Every check, failures first."""
    checks = sorted(report.checks, key=lambda check: (check.passed, not check.required))
    st.dataframe(
        {
            "Name": [check.name for check in checks],
            "Verdict": [_verdict(check) for check in checks],
            "Installed": [check.version or "-" for check in checks],
            "Expected": [check.expected_version or "any" for check in checks],
            "What to do": [" ".join(filter(None, (check.error, check.fix_instructions))) for check in checks],
        },
        hide_index=True,
        column_config={"What to do": st.column_config.TextColumn(width="large")},
        alt="Dependencies with installed and expected versions",
    )


def _verdict(check: DependencyCheck) -> str:
    if check.passed:
        return "passes" if check.installed else "optional, not installed"
    return "fails" if check.installed else "missing"
