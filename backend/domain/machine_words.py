"""The machine in words, the same on every face: sentences about its processor, memory, disks and driver. Pure."""

from backend.domain.cpu_features import in_words
from backend.domain.machine import Cpu, Disk, HardwareSnapshot, Memory
from backend.domain.sizes import in_bytes

GROUP = "A control group (container, service or batch job)"
OTHER_MAKER = "Runs are given places on NVIDIA GPUs and on the processor only."


def about_processor(cpu: Cpu) -> tuple[str, ...]:
    """Model and frequency, what a control group allows, and what the instruction sets mean."""
    physical = "" if cpu.physical_cores is None else f", {cpu.physical_cores} physical cores"
    speed = "" if cpu.frequency_mhz is None else f", now at {cpu.frequency_mhz:,.0f} MHz"
    most = "" if cpu.max_frequency_mhz is None else f" of at most {cpu.max_frequency_mhz:,.0f} MHz"
    limit = () if cpu.limit_cores is None else (f"{GROUP} allows {cpu.limit_cores:g} cores' worth of time.",)
    return (f"{cpu.model}{physical}{speed}{most}.", *limit, *in_words(cpu))


def usable_cores(cpu: Cpu) -> str:
    """How many of the cores this process may use, and how much of their time."""
    limit = "" if cpu.limit_cores is None else f", limit {cpu.limit_cores:g}"
    return f"{cpu.usable_cores} of {cpu.logical_cores} cores usable{limit}"


def about_memory(memory: Memory) -> tuple[str, ...]:
    """The limit of a control group beside what the machine has, and swap."""
    swap = "There is no swap."
    if memory.swap_total_bytes:
        swap = f"Swap: {in_bytes(memory.swap_used_bytes)} of {in_bytes(memory.swap_total_bytes)} in use."
    if memory.limit_bytes is None or memory.machine_bytes is None:
        return (swap,)
    limit, of_machine = in_bytes(memory.limit_bytes), in_bytes(memory.machine_bytes)
    return (f"A control group limits memory to {limit}; the machine has {of_machine}.", swap)


def about_disk(disk: Disk) -> str:
    """What of ours lies on it, and its room."""
    what = ", ".join(disk.names)
    return f"{what[:1].upper()}{what[1:]}: {in_bytes(disk.free_bytes)} free of {in_bytes(disk.total_bytes)}."


def about_driver(now: HardwareSnapshot) -> str:
    """NVIDIA's driver and the newest CUDA that it supports; "" without a driver."""
    if now.driver_version is None:
        return ""
    newest = f", which supports CUDA up to {now.cuda_version}" if now.cuda_version else ""
    return f"NVIDIA driver {now.driver_version}{newest}."
