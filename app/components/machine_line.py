"""The machine in one line."""

from app.components.sizes import in_bytes
from backend.domain.machine import Gpu, HardwareSnapshot


def machine_line(now: HardwareSnapshot) -> str:
    """What is busy and what is left, as measured; not escaped."""
    busy = "" if now.cpu.busy_percent is None else f", {now.cpu.busy_percent:.0f} % busy"
    parts = [
        f"{now.cpu.usable_cores} cores{busy}",
        f"{in_bytes(now.memory.used_bytes)} of {in_bytes(now.memory.total_bytes)} memory in use",
        f"{in_bytes(now.disk.free_bytes)} free on disk",
        *(map(_gpu, now.gpus) if now.gpus else ["no GPU"]),
    ]
    return f"This machine: {'; '.join(parts)}."


def _gpu(gpu: Gpu) -> str:
    busy = "" if gpu.busy_percent is None else f", {gpu.busy_percent:.0f} % busy"
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    memory = "" if used is None or total is None else f", {in_bytes(used)} of {in_bytes(total)} in use"
    return f"GPU {gpu.index} {gpu.name}{busy}{memory}"
