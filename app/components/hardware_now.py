"""The machine now, with lines of its recent past."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.figure import figure
from app.components.gpu_card import gpu_card
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from backend.domain.gpu_owners import Owner
from backend.domain.machine import Gpu, HardwareSnapshot
from backend.domain.machine_words import (
    OTHER_MAKER,
    about_disk,
    about_driver,
    about_memory,
    about_processor,
    usable_cores,
)

History = Sequence[HardwareSnapshot]
MAX_POINTS = 120


def draw_hardware(history: History, known: Mapping[int, Owner]) -> None:
    """Processor, memory and disks; then each GPU. `known` tells by pid whose the programs on a GPU are."""
    now = history[-1]
    busy = "-" if now.cpu.busy_percent is None else f"{now.cpu.busy_percent:.0f} %"
    with st.grid(4, min_column_width=190):
        _figure("Processor", busy, usable_cores(now.cpu), _line(history, lambda shot: shot.cpu.busy_percent))
        _figure(
            "Memory in use",
            in_bytes(now.memory.used_bytes),
            f"of {in_bytes(now.memory.total_bytes)}",
            _line(history, lambda shot: shot.memory.used_bytes / 2**30),
        )
        _figure("Load, 1 minute", f"{now.cpu.load[0]:.2f}", "runnable tasks", _line(history, lambda s: s.cpu.load[0]))
        _figure(
            "Free on disk",
            in_bytes(now.disk.free_bytes),
            f"of {in_bytes(now.disk.total_bytes)}",
            _line(history, lambda shot: shot.disk.free_bytes / 2**30),
        )
    lines = (" ".join(about_processor(now.cpu)), " ".join(about_memory(now.memory)), *map(about_disk, now.disks))
    for line in filter(None, (*lines, about_driver(now))):
        st.caption(escape(line))
    for gpu in now.gpus:
        gpu_card(gpu, [_same(shot.gpus, gpu.uuid) for shot in history[-MAX_POINTS:]], known)
    for gpu in now.other_gpus:
        gpu_card(gpu, [_same(shot.other_gpus, gpu.uuid) for shot in history[-MAX_POINTS:]], known)
    if now.other_gpus:
        st.caption(OTHER_MAKER)


def _same(gpus: Sequence[Gpu], uuid: str) -> Gpu | None:
    return next((gpu for gpu in gpus if gpu.uuid == uuid), None)


def _figure(label: str, value: str, about: str, line: list[float]) -> None:
    figure(label, value, line, about=about, alt=f"{label} while somebody looked, the newest last: {value}")


def _line(history: History, read: Callable[[HardwareSnapshot], float | None]) -> list[float]:
    values = (read(shot) for shot in history[-MAX_POINTS:])
    return [value for value in values if value is not None]
