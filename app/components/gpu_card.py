"""One GPU: its figures with their recent past, what it can do, its slices, and the programs on it."""

from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from app.components.figure import figure
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from app.links import link_to_view
from backend.domain.gpu_owners import Owner, owner_of
from backend.domain.machine import Gpu, GpuProcess, Maker

MOST_PROCESSES = 20
OUTSIDE = "a program that cannot be seen from here"
_MAKERS = {Maker.NVIDIA: "NVIDIA", Maker.AMD: "AMD", Maker.INTEL: "Intel", Maker.APPLE: "Apple"}


def gpu_card(gpu: Gpu, past: Sequence[Gpu | None], known: Mapping[int, Owner]) -> None:
    """`past` are its readings, the newest last; `known` tells by pid whose its programs are."""
    with st.container(border=True, key=f"gpu-{gpu.maker}-{gpu.index}"):
        st.markdown(f"**{title(gpu)}**")
        with st.grid(4, min_column_width=190):
            for label, value, about, field in _figures(gpu):
                line = [float(found) for one in past if one and (found := getattr(one, field)) is not None]
                alt = f"{label} of GPU {gpu.index} while somebody looked, the newest last: {value}"
                figure(label, value, line, about=about, alt=alt)
        for words in _words(gpu):
            st.caption(escape(words))
        for warning in _warnings(gpu):
            st.warning(escape(warning), icon=":material/warning:")
        _programs(gpu, known)


def title(gpu: Gpu) -> str:
    """Escaped; with its maker where the name does not tell it."""
    maker = _MAKERS[gpu.maker]
    number = f"GPU {gpu.index}" if gpu.maker is Maker.NVIDIA else f"{maker} GPU {gpu.index}"
    return f"{number}: {escape(gpu.name)}"


def _figures(gpu: Gpu) -> Iterator[tuple[str, str, str, str]]:
    """Label, value, what stands below it, and the field that it is."""
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    of_total = f"of {in_bytes(total)}" if total is not None else ""
    of_limit = f"of at most {gpu.power_limit_watts:.0f} W" if gpu.power_limit_watts is not None else ""
    of_clock = f"of at most {gpu.max_clock_mhz:,} MHz" if gpu.max_clock_mhz is not None else ""
    found = (
        ("Busy", _value(gpu.busy_percent, "%"), "", "busy_percent"),
        ("Memory in use", "-" if used is None else in_bytes(used), of_total, "memory_used_bytes"),
        ("Temperature", _value(gpu.temperature_celsius, "°C"), "", "temperature_celsius"),
        ("Power", _value(gpu.power_watts, "W"), of_limit, "power_watts"),
        ("Clock", _value(gpu.clock_mhz, "MHz"), of_clock, "clock_mhz"),
    )
    for label, value, about, field in found:
        if value != "-" or about or gpu.maker is Maker.NVIDIA:
            yield label, value, about, field


def _words(gpu: Gpu) -> Iterator[str]:
    can = []
    if gpu.compute_capability is not None:
        can.append("compute capability {}.{}".format(*gpu.compute_capability))
    can += [gpu.architecture] if gpu.architecture else []
    can += [f"memory at {gpu.memory_clock_mhz:,} MHz"] if gpu.memory_clock_mhz is not None else []
    can += [f"driver {gpu.driver_version}"] if gpu.driver_version else []
    if gpu.memory_is_shared:
        size = "" if gpu.memory_total_bytes is None else f" of {in_bytes(gpu.memory_total_bytes)}"
        can.append(f"shares the main memory{size}")
    if can:
        yield f"{', '.join(can)}."
    for part in gpu.slices:
        used, total = part.memory_used_bytes, part.memory_total_bytes
        memory = "" if used is None or total is None else f", {in_bytes(used)} of {in_bytes(total)} in use"
        yield f"Slice {part.name}{memory} ({part.uuid})."


def _warnings(gpu: Gpu) -> Iterator[str]:
    if gpu.slow_reasons:
        yield f"Its clock is held down by {', '.join(gpu.slow_reasons)}."
    if gpu.ecc_errors:
        yield f"Its memory had {gpu.ecc_errors:,} errors that could not be corrected: results may be wrong."
    if gpu.is_partitioned and not gpu.slices:
        yield "It is partitioned (MIG), but has no slice: nothing can use it until one is made."


def _programs(gpu: Gpu, known: Mapping[int, Owner]) -> None:
    for process in gpu.processes[:MOST_PROCESSES]:
        owner = owner_of(process, known)
        memory = "" if process.memory_bytes is None else f", {in_bytes(process.memory_bytes)}"
        if owner is not None and owner.run_id is not None:
            label = f"Run {escape(owner.name)} (pid {process.pid}{memory})"
            link_to_view("monitor", label, ":material/monitoring:", run=owner.run_id)
        else:
            st.caption(f"{escape(_name(process, owner))} (pid {process.pid}{memory})")
    if len(gpu.processes) > MOST_PROCESSES:
        st.caption(f"and {len(gpu.processes) - MOST_PROCESSES:,} more programs")


def _name(process: GpuProcess, owner: Owner | None) -> str:
    return (owner.name if owner else process.name) or OUTSIDE


def _value(number: float | None, unit: str) -> str:
    return "-" if number is None else f"{number:,.0f} {unit}"
