"""What keeps a draft from being started, and what is worth knowing before it is."""

from collections.abc import Sequence

import streamlit as st

from app.components.error_box import error_box, warning_box
from app.components.markdown_escape import escape
from backend.domain.preflight import PreflightReport
from backend.services.config_service import Problem


def draft_problems(problems: Sequence[Problem]) -> None:
    """What is still missing or wrong in the form, key by key."""
    lines = [f"- **{escape(_label(problem.key))}** {escape(problem.message)}" for problem in problems]
    st.warning("Before the run can start:\n\n" + "\n".join(lines), icon=":material/edit_note:")


def preflight_findings(report: PreflightReport) -> None:
    """Errors, then warnings."""
    for finding in report.errors:
        error_box(finding.explanation)
    for finding in report.warnings:
        warning_box(finding.explanation)


def _label(key: str) -> str:
    words = key.removesuffix(".path").replace(".", ", ").replace("_", " ")
    return words[:1].upper() + words[1:] + ":" if words else ""
