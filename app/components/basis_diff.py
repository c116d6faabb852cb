"""What the form says otherwise than the preset, use case or run that it was filled from."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.components.parameter_input import default_told
from app.drafts import flat, knobs
from backend.domain.sweep import written
from backend.spec import Parameter

LABELS = ("name", "schema_version")


def basis_diff(title: str, basis: Mapping[str, Any], draft: Mapping[str, Any], *, is_partial: bool) -> int:
    """A table with one row per setting that differs; how many there are.

    `title` heads the column of the basis. Of a partial basis (a use case) only its own settings are compared.
    """
    rows = differences(basis, draft, is_partial=is_partial)
    if not rows:
        st.caption("Nothing was changed.")
        return 0
    st.dataframe(
        [{"Setting": key, title: before, "Here": after} for key, before, after in rows],
        hide_index=True,
        alt=f"Settings that differ from {title}",
    )
    return len(rows)


def differences(
    basis: Mapping[str, Any], draft: Mapping[str, Any], *, is_partial: bool = False
) -> list[tuple[str, str, str]]:
    """Key, value of the basis, value here; a missing one is told as the default, "-" where there is no such setting."""
    before, after = flat(basis), flat(draft)
    keys = list(before) if is_partial else list(dict.fromkeys([*before, *after]))
    sides = ((before, knobs(basis)), (after, knobs(draft)))
    rows = []
    for key in keys:
        one, other = (_told(key, values, known) for values, known in sides)
        if key not in LABELS and one != other:
            rows.append((key, one, other))
    return rows


def _told(key: str, values: Mapping[str, Any], known: Mapping[str, Parameter]) -> str:
    """A value, what holds without one, or that the chosen method or recipe has no such setting."""
    knob = known.get(key)
    value = values.get(key)
    if knob is None:
        return "-" if value is None else written(value)
    default = default_told(knob)
    if value is None or value == knob.default:
        return f"{default} (default)"
    return written(value)
