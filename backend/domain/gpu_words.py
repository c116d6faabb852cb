"""One GPU in words, the same on every face: figures, what it can do, what is wrong, the programs on it. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from backend.domain.gpu_owners import Owner
from backend.domain.machine import Gpu, GpuProcess, Maker
from backend.domain.sizes import in_bytes, in_energy

OUTSIDE = "a program that cannot be seen from here"
_MAKERS = {Maker.NVIDIA: "NVIDIA", Maker.AMD: "AMD", Maker.INTEL: "Intel", Maker.APPLE: "Apple"}


class Figure(NamedTuple):
    """A number with its unit, "-" if the device does not report it; `field` is that of `Gpu`."""

    label: str
    value: str
    about: str
    field: str


def title(gpu: Gpu) -> str:
    """With its maker where the name does not tell it; not escaped."""
    number = f"GPU {gpu.index}" if gpu.maker is Maker.NVIDIA else f"{_MAKERS[gpu.maker]} GPU {gpu.index}"
    return f"{number}: {gpu.name}"


def figures(gpu: Gpu) -> Iterator[Figure]:
    """Those of other makers than NVIDIA only if they are reported."""
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    of_total = f"of {in_bytes(total)}" if total is not None else ""
    of_limit = f"of at most {gpu.power_limit_watts:.0f} W" if gpu.power_limit_watts is not None else ""
    of_clock = f"of at most {gpu.max_clock_mhz:,} MHz" if gpu.max_clock_mhz is not None else ""
    found = (
        Figure("Busy", _value(gpu.busy_percent, "%"), "", "busy_percent"),
        Figure("Memory in use", "-" if used is None else in_bytes(used), of_total, "memory_used_bytes"),
        Figure("Temperature", _value(gpu.temperature_celsius, "°C"), "", "temperature_celsius"),
        Figure("Power", _value(gpu.power_watts, "W"), of_limit, "power_watts"),
        Figure("Clock", _value(gpu.clock_mhz, "MHz"), of_clock, "clock_mhz"),
    )
    yield from (one for one in found if one.value != "-" or one.about or gpu.maker is Maker.NVIDIA)


def about(gpu: Gpu) -> Iterator[str]:
    """What it can do, what it has done, and its slices."""
    if can := ", ".join(_abilities(gpu)):
        yield f"{can}."
    if gpu.is_partitioned and gpu.slices:
        yield "It is partitioned (MIG): programs get its slices only."
    for part in gpu.slices:
        used, total = part.memory_used_bytes, part.memory_total_bytes
        memory = "" if used is None or total is None else f", {in_bytes(used)} of {in_bytes(total)} in use"
        yield f"Slice {part.name}{memory} ({part.uuid})."


def warnings(gpu: Gpu) -> Iterator[str]:
    """What makes it slow, wrong, or of no use."""
    if gpu.slow_reasons:
        yield f"Its clock is held down by {', '.join(gpu.slow_reasons)}."
    if gpu.ecc_errors:
        yield f"Its memory had {gpu.ecc_errors:,} errors that could not be corrected: results may be wrong."
    if gpu.is_partitioned and not gpu.slices:
        yield "It is partitioned (MIG), but has no slice: nothing can use it until one is made."


def about_program(process: GpuProcess, owner: Owner | None) -> str:
    """Whose it is, its pid and memory; not escaped."""
    memory = "" if process.memory_bytes is None else f", {in_bytes(process.memory_bytes)}"
    return f"{_name(process, owner)} (pid {process.pid}{memory})"


def _abilities(gpu: Gpu) -> Iterator[str]:
    if gpu.compute_capability is not None:
        yield "compute capability {}.{}".format(*gpu.compute_capability)
    if gpu.architecture:
        yield gpu.architecture
    if gpu.memory_clock_mhz is not None:
        yield f"memory at {gpu.memory_clock_mhz:,} MHz"
    if gpu.driver_version:
        yield f"driver {gpu.driver_version}"
    if gpu.memory_is_shared:
        size = "" if gpu.memory_total_bytes is None else f" of {in_bytes(gpu.memory_total_bytes)}"
        yield f"shares the main memory{size}"
    if gpu.ecc_errors == 0:
        yield "no memory errors that could not be corrected"
    if gpu.energy_joules is not None:
        yield f"{in_energy(gpu.energy_joules)} used since its driver was loaded"


def _name(process: GpuProcess, owner: Owner | None) -> str:
    if owner is None:
        return process.name or OUTSIDE
    return owner.name if owner.run_id is None else f"Run {owner.name}"


def _value(number: float | None, unit: str) -> str:
    return "-" if number is None else f"{number:,.0f} {unit}"
