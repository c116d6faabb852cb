"""The machine now, with lines of its recent past."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.figure import figure
from app.components.gpu_card import gpu_card
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from backend.domain.cpu_features import in_words
from backend.domain.gpu_owners import Owner
from backend.domain.machine import Cpu, Disk, Gpu, HardwareSnapshot, Memory

History = Sequence[HardwareSnapshot]
MAX_POINTS = 120
OTHER_MAKER = "Runs are given places on NVIDIA GPUs and on the processor only."


def draw_hardware(history: History, known: Mapping[int, Owner]) -> None:
    """Processor, memory and disks; then each GPU. `known` tells by pid whose the programs on a GPU are."""
    now = history[-1]
    busy = "-" if now.cpu.busy_percent is None else f"{now.cpu.busy_percent:.0f} %"
    with st.grid(4, min_column_width=190):
        _figure("Processor", busy, _cores(now.cpu), _line(history, lambda shot: shot.cpu.busy_percent))
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
    for line in (_processor(now.cpu), _memory(now.memory), *map(_disk, now.disks)):
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


def _cores(cpu: Cpu) -> str:
    limit = "" if cpu.limit_cores is None else f", limit {cpu.limit_cores:g}"
    return f"{cpu.usable_cores} of {cpu.logical_cores} cores usable{limit}"


def _processor(cpu: Cpu) -> str:
    physical = "" if cpu.physical_cores is None else f", {cpu.physical_cores} physical cores"
    speed = "" if cpu.frequency_mhz is None else f", now at {cpu.frequency_mhz:,.0f} MHz"
    most = "" if cpu.max_frequency_mhz is None else f" of at most {cpu.max_frequency_mhz:,.0f} MHz"
    limit = ""
    if cpu.limit_cores is not None:
        limit = f" A control group (container, service or batch job) allows {cpu.limit_cores:g} cores' worth of time."
    return f"{cpu.model}{physical}{speed}{most}.{limit} {' '.join(in_words(cpu))}".rstrip()


def _memory(memory: Memory) -> str:
    swap = "There is no swap."
    if memory.swap_total_bytes:
        swap = f"Swap: {in_bytes(memory.swap_used_bytes)} of {in_bytes(memory.swap_total_bytes)} in use."
    if memory.limit_bytes is None or memory.machine_bytes is None:
        return swap
    of_machine = in_bytes(memory.machine_bytes)
    return f"A control group limits memory to {in_bytes(memory.limit_bytes)}; the machine has {of_machine}. {swap}"


def _disk(disk: Disk) -> str:
    what = ", ".join(disk.names)
    return f"{what[:1].upper()}{what[1:]}: {in_bytes(disk.free_bytes)} free of {in_bytes(disk.total_bytes)}."
