"""What a person must be able to read of each field of a reading, and what must not stand there if it is not known."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from backend.domain.cuda_truth import CudaTruth
from backend.domain.machine import Cpu, Disk, DriverState, Gpu, GpuProcess, GpuSlice, HardwareSnapshot, Memory
from backend.domain.sizes import in_bytes, in_energy

MAKERS = {"nvidia": "GPU ", "amd": "AMD GPU ", "intel": "Intel GPU ", "apple": "Apple GPU "}
EMPTY: tuple[object, ...] = (None, "", [])


@dataclass(frozen=True)
class Told:
    """`says` makes the words of a value; `silence` are words that must be absent where it is None, 0 or empty.

    Without `silence` a 0 is told like any other number, and what is empty or None is not looked for.
    """

    says: Callable[[Any], str]
    silence: str = ""


def never(_value: object) -> str:
    """Told in other words, by another field, or checked apart."""
    return ""


CPU = {
    "model": Told(str),
    "physical_cores": Told(lambda v: f"{v} physical cores", "physical cores"),
    "logical_cores": Told(lambda v: f"of {v} cores usable"),
    "usable_cores": Told(lambda v: f"{v} of "),
    "busy_percent": Told(never),  # changes between two looks
    "load": Told(lambda v: ", ".join(f"{each:.2f}" for each in v) + " runnable tasks"),
    "limit_cores": Told(lambda v: f"allows {v:g} cores' worth of time", "cores' worth"),
    "features": Told(lambda v: "512 bits" if "avx512f" in v else "256 bits"),
    "frequency_mhz": Told(lambda v: f"now at {v:,.0f} MHz", "now at"),
    "max_frequency_mhz": Told(lambda v: f"of at most {v:,.0f} MHz."),
}
MEMORY = {
    "total_bytes": Told(lambda v: f"of {in_bytes(v)} in use, "),
    "available_bytes": Told(lambda v: f"{in_bytes(v)} available"),
    "swap_total_bytes": Told(lambda v: f"of {in_bytes(v)} in use." if v else "There is no swap."),
    "swap_used_bytes": Told(lambda v: f"Swap: {in_bytes(v)} of", "Swap:"),
    "limit_bytes": Told(lambda v: f"control group limits memory to {in_bytes(v)}", "limits memory"),
    "machine_bytes": Told(lambda v: f"the machine has {in_bytes(v)}", "the machine has"),
}
DISK = {
    "path": Told(str),
    "total_bytes": Told(lambda v: f" free of {in_bytes(v)}."),
    "free_bytes": Told(never),  # others use it
    "names": Told(lambda v: f"{v[-1][1:]}: "),
}
GPU = {
    "index": Told(lambda v: f"GPU {v}: "),
    "name": Told(lambda v: f": {v} ("),
    "uuid": Told(lambda v: f"({v})"),
    "memory_total_bytes": Told(lambda v: f" of {in_bytes(v)}"),
    "memory_used_bytes": Told(lambda v: f"memory in use {in_bytes(v)} "),
    "busy_percent": Told(lambda v: f"busy {v:.0f} %"),
    "temperature_celsius": Told(lambda v: f"temperature {v} °C", "°C"),
    "power_watts": Told(lambda v: f"power {v:,.0f} W"),
    "energy_joules": Told(lambda v: f"{in_energy(v)} used since", "used since"),
    "compute_capability": Told(lambda v: f"compute capability {v[0]}.{v[1]}", "compute capability"),
    "maker": Told(lambda v: MAKERS[v]),
    "power_limit_watts": Told(lambda v: f"of at most {v:.0f} W"),
    "clock_mhz": Told(lambda v: f"clock {v:,} MHz"),
    "max_clock_mhz": Told(lambda v: f"of at most {v:,} MHz"),
    "memory_clock_mhz": Told(lambda v: f"memory at {v:,} MHz", "memory at"),
    "slow_reasons": Told(lambda v: f"warning Its clock is held down by {', '.join(v)}", "held down"),
    "ecc_errors": Told(
        lambda v: f"{v:,} errors that could not" if v else "no memory errors that could not be corrected"
    ),
    "architecture": Told(str),
    "driver_version": Told(lambda v: f"driver {v}", "driver 6"),
    "memory_is_shared": Told(lambda _: "shares the main memory", "shares"),
    "is_partitioned": Told(lambda _: "It is partitioned (MIG)", "MIG"),
    "slices": Told(lambda v: f"Slice {v[-1]['name']}", "Slice"),
    "processes": Told(lambda v: f"(pid {v[-1]['pid']}", "(pid"),
}
SLICE = {
    "uuid": Told(lambda v: f"({v})"),
    "name": Told(lambda v: f"Slice {v}, "),
    "memory_total_bytes": Told(lambda v: f" of {in_bytes(v)} in use"),
    "memory_used_bytes": Told(lambda v: f", {in_bytes(v)} of "),
}
PROCESS = {
    "pid": Told(lambda v: f"(pid {v}"),
    "memory_bytes": Told(lambda v: f", {in_bytes(v)})"),
    "name": Told(lambda v: f"{v} (pid"),  # of one that cannot be seen: by the machine's own words
    "ancestors": Told(never),  # tell whose it is
}
HARDWARE = {
    "at": Told(lambda v: f"Measured on {v[:10]} at "),
    "cpu": Told(lambda _: "Processor\n"),
    "memory": Told(lambda _: "\nMemory\n"),
    "disk": Told(lambda v: v["path"]),
    "disks": Told(lambda _: "\nDisks\n"),
    "gpus": Told(lambda v: f"GPU {len(v) - 1}: {v[-1]['name']}", "\n  GPU 0"),
    "gpu_note": Told(str),
    "gpu_state": Told(lambda v: "NVIDIA driver" if v == DriverState.READY else "GPUs\n"),
    "driver_version": Told(lambda v: f"NVIDIA driver {v}", "NVIDIA driver 5"),
    "cuda_version": Told(lambda v: f"supports CUDA up to {v}.", "supports CUDA up to"),
    "other_gpus": Told(lambda v: f"GPU {len(v) - 1}: {v[-1]['name']}", "are given places"),
}
TORCH = {
    "torch_version": Told(lambda v: f"torch {v}"),
    "cuda": Told(lambda v: f"built for cuda {v}", "built for"),
    "rocm": Told(lambda v: f"built for rocm {v}"),
    "is_available": Told(lambda v: "can use " if v else " no "),
    "architectures": Told(lambda v: f"machine code for {', '.join(v)}.", "machine code"),
    "devices": Told(lambda v: f"cuda:{len(v) - 1} is {v[-1]['name']}, compute capability {{}}.{{}}".format(*_last(v))),
    "computes": Told(lambda v: "was right" if v else "failed", "was right"),
    "has_mps": Told(lambda _: "MPS", "MPS"),
    "has_xpu": Told(lambda _: "XPU", "XPU"),
    "error": Told(never),  # a CPU build needs no further reason
    "asked_at": Told(lambda v: f"Asked on {v[:10]} at {v[11:16]} UTC."),
}
TABLES: Mapping[type, Mapping[str, Told]] = {
    Cpu: CPU,
    Memory: MEMORY,
    Disk: DISK,
    Gpu: GPU,
    GpuSlice: SLICE,
    GpuProcess: PROCESS,
    HardwareSnapshot: HARDWARE,
}


def _last(devices: list[dict[str, Any]]) -> tuple[int, int]:
    major, minor = devices[-1]["capability"]
    return major, minor


def check_that_no_field_is_forgotten() -> None:
    for kind, table in TABLES.items():
        assert set(table) == {field.name for field in fields(kind)}, kind
    assert set(TORCH) == set(CudaTruth.model_fields)


def missing(table: Mapping[str, Told], values: Mapping[str, Any], text: str) -> Iterator[str]:
    """The fields that a text does not tell, and those that it tells though they are not known."""
    for name, value in values.items():
        told = table[name]
        if not value and told.silence:
            if told.silence in text:
                yield f"{name} is {value!r}, but the text says {told.silence!r}"
        elif value not in EMPTY and told.says(value) not in text:
            yield f"{name}: {told.says(value)!r}"


def check_fields(hardware: Mapping[str, Any], text: str) -> None:
    """All fields of a reading (as JSON) against a text; those of a GPU against its own lines."""
    lost = [*missing(HARDWARE, hardware, text)]
    lost += missing(CPU, hardware["cpu"], section(text, "Processor"))
    lost += missing(MEMORY, hardware["memory"], section(text, "Memory"))
    for disk in hardware["disks"]:
        lost += missing(DISK, disk, section(text, "Disks"))
    for gpu in (*hardware["gpus"], *hardware["other_gpus"]):
        block = block_of(gpu["uuid"], section(text, "GPUs"))
        lost += missing(GPU, gpu, block)
        lost += [each for part in gpu["slices"] for each in missing(SLICE, part, block)]
        lost += [each for program in gpu["processes"] for each in missing(PROCESS, program, block)]
    assert not lost, "\n".join([*lost, text])


def section(text: str, name: str) -> str:
    """The lines below a heading."""
    lines = text.splitlines()
    start = lines.index(name) + 1
    end = next(i for i in range(start, len(lines) + 1) if i == len(lines) or not lines[i].startswith("  "))
    return "\n".join(lines[start:end])


def block_of(uuid: str, text: str) -> str:
    """The lines about one GPU."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.endswith(f"({uuid})") and line[2] != " ")
    end = next((i for i in range(start + 1, len(lines)) if lines[i][2] != " "), len(lines))
    return "\n".join(lines[start:end])
