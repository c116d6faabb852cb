"""The machine now, with lines of its recent past."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.figure import figure
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from backend.domain.machine import Gpu, HardwareSnapshot

History = Sequence[HardwareSnapshot]
MAX_POINTS = 120


def draw_hardware(history: History) -> None:
    """Processor, memory and disk; then each GPU, or why there is none."""
    now = history[-1]
    busy = "-" if now.cpu.busy_percent is None else f"{now.cpu.busy_percent:.0f} %"
    with st.grid(4, min_column_width=190):
        _figure("Processor", busy, _cores(now), _line(history, lambda shot: shot.cpu.busy_percent))
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
    st.caption(escape(now.cpu.model))
    if not now.gpus:
        st.info(f"No GPU: {escape(now.gpu_note or 'none was found.')}", icon=":material/memory:")
    for gpu in now.gpus:
        _gpu(gpu, history)


def _gpu(gpu: Gpu, history: History) -> None:
    st.markdown(f"**GPU {gpu.index}: {escape(gpu.name)}**")
    with st.grid(4, min_column_width=190):
        used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
        _figure("Busy", _value(gpu.busy_percent, "%"), "", _of_gpu(history, gpu, "busy_percent"))
        _figure(
            "Memory in use",
            in_bytes(used) if used is not None else "-",
            f"of {in_bytes(total)}" if total is not None else "",
            _of_gpu(history, gpu, "memory_used_bytes"),
        )
        _figure("Temperature", _value(gpu.temperature_celsius, "°C"), "", _of_gpu(history, gpu, "temperature_celsius"))
        _figure("Power", _value(gpu.power_watts, "W"), "", _of_gpu(history, gpu, "power_watts"))


def _figure(label: str, value: str, about: str, line: list[float]) -> None:
    figure(label, value, line, about=about, alt=f"{label} while somebody looked, the newest last: {value}")


def _line(history: History, read: Callable[[HardwareSnapshot], float | None]) -> list[float]:
    values = (read(shot) for shot in history[-MAX_POINTS:])
    return [value for value in values if value is not None]


def _of_gpu(history: History, gpu: Gpu, field: str) -> list[float]:
    def read(shot: HardwareSnapshot) -> float | None:
        same = next((other for other in shot.gpus if other.uuid == gpu.uuid), None)
        return getattr(same, field) if same else None

    return _line(history, read)


def _value(number: float | None, unit: str) -> str:
    return "-" if number is None else f"{number:.0f} {unit}"


def _cores(now: HardwareSnapshot) -> str:
    cpu = now.cpu
    return f"{cpu.usable_cores} of {cpu.logical_cores} cores usable"
