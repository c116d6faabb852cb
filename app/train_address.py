"""The address of the Train view: which form it shows, or what a form is to be filled from."""

from collections.abc import Mapping

import streamlit as st

from app.session import note, noted
from backend.domain.application_state import TrainingState

NAMES = ("draft", "preset", "profile", "from", "dataset", "model")
BASES = {"preset": "preset", "profile": "profile", "run": "from"}
_WRITTEN = "train-address"


def arrived() -> dict[str, str]:
    """What a link, a reload or the browser's history asks for; empty if the page itself wrote the address."""
    asked = _here()
    return {} if asked == (noted(_WRITTEN) or {}) else asked


def keep(training: TrainingState, *, is_pristine: bool) -> None:
    """Write the address of the form that is shown, if it says something else."""
    wanted = _of(training, is_pristine=is_pristine)
    if _here() != wanted:
        for name in NAMES:
            if name in st.query_params and name not in wanted:
                del st.query_params[name]
        st.query_params.update(wanted)
    note(_WRITTEN, wanted)


def _of(training: TrainingState, *, is_pristine: bool) -> Mapping[str, str]:
    if training.draft_id:
        return {"draft": training.draft_id}
    kind, _, name = training.basis.partition(":")
    return {BASES[kind]: name} if is_pristine and kind in BASES else {}


def _here() -> dict[str, str]:
    return {name: st.query_params[name] for name in NAMES if st.query_params.get(name)}
