"""One GPU: its figures with their recent past, what it can do, its slices, and the programs on it."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app.components.figure import figure
from app.components.markdown_escape import escape
from app.links import link_to_view
from backend.domain.gpu_owners import Owner, owner_of
from backend.domain.gpu_words import about, about_program, figures, title, warnings
from backend.domain.machine import Gpu

MOST_PROCESSES = 20


def gpu_card(gpu: Gpu, past: Sequence[Gpu | None], known: Mapping[int, Owner]) -> None:
    """`past` are its readings, the newest last; `known` tells by pid whose its programs are."""
    with st.container(border=True, key=f"gpu-{gpu.maker}-{gpu.index}"):
        st.markdown(f"**{escape(title(gpu))}**")
        with st.grid(4, min_column_width=190):
            for one in figures(gpu):
                line = [float(found) for each in past if each and (found := getattr(each, one.field)) is not None]
                alt = f"{one.label} of GPU {gpu.index} while somebody looked, the newest last: {one.value}"
                figure(one.label, one.value, line, about=one.about, alt=alt)
        for words in about(gpu):
            st.caption(escape(words))
        for warning in warnings(gpu):
            st.warning(escape(warning), icon=":material/warning:")
        _programs(gpu, known)


def _programs(gpu: Gpu, known: Mapping[int, Owner]) -> None:
    for process in gpu.processes[:MOST_PROCESSES]:
        owner = owner_of(process, known)
        label = escape(about_program(process, owner))
        if owner is not None and owner.run_id is not None:
            link_to_view("monitor", label, ":material/monitoring:", run=owner.run_id)
        else:
            st.caption(label)
    if len(gpu.processes) > MOST_PROCESSES:
        st.caption(f"and {len(gpu.processes) - MOST_PROCESSES:,} more programs")
