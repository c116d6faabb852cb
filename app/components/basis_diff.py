"""What the form says otherwise than the preset, use case or run that it was filled from."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.components.parameter_input import default_told
from app.drafts import flat, knobs
from backend.domain.sweep import written

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
    """Key, value of the basis, value here; a missing one is told as the default."""
    before, after = flat(basis), flat(draft)
    keys = list(before) if is_partial else list(dict.fromkeys([*before, *after]))
    known = {**knobs(basis), **knobs(draft)}
    rows = []
    for key in keys:
        knob = known.get(key)
        told = [_told(values, key, f"{default_told(knob)} (default)" if knob else "") for values in (before, after)]
        default = knob.default if knob else None
        if key not in LABELS and _plain(before.get(key, default)) != _plain(after.get(key, default)):
            rows.append((key, told[0], told[1]))
    return rows


def _told(values: Mapping[str, Any], key: str, missing: str) -> str:
    value = values.get(key)
    return missing if value is None else written(value)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
