"""One NVIDIA device: everything that its driver says of it."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, TypeVar

import pynvml

from backend.domain.machine import Gpu, GpuProcess, GpuSlice
from backend.probes.processes import gpu_process
from backend.probes.system_files import SystemFiles

T = TypeVar("T")
# nvmlClocksEventReasons of nvml.h: those that say that the device could be faster.
SLOW = {
    0x04: "its power limit",
    0x08: "a slowdown by the hardware: heat, or its power supply",
    0x10: "the slowest of a group of GPUs that are kept at one pace",
    0x20: "its temperature",
    0x40: "its temperature, by the hardware",
    0x80: "its power supply, by the hardware",
}


def read_gpu(nvml: ModuleType, index: int, files: SystemFiles | None) -> Gpu:
    """Raises NVMLError if it cannot be reached. Programs are looked for only with `files` to know their names from."""
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = reported(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    busy = reported(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
    milliwatts = reported(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
    limit = reported(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle))
    millijoules = reported(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
    mig = reported(lambda: nvml.nvmlDeviceGetMigMode(handle))
    is_partitioned = bool(mig and mig[0] == pynvml.NVML_DEVICE_MIG_ENABLE)
    return Gpu(
        index=index,
        name=nvml.nvmlDeviceGetName(handle),
        uuid=nvml.nvmlDeviceGetUUID(handle),
        memory_total_bytes=memory and int(memory.total),
        memory_used_bytes=memory and int(memory.used),
        busy_percent=None if busy is None else float(busy.gpu),
        temperature_celsius=reported(lambda: nvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU)),
        power_watts=None if milliwatts is None else milliwatts / 1000,
        energy_joules=None if millijoules is None else millijoules / 1000,
        compute_capability=reported(lambda: nvml.nvmlDeviceGetCudaComputeCapability(handle)),
        power_limit_watts=None if limit is None else limit / 1000,
        clock_mhz=reported(lambda: nvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)),
        max_clock_mhz=reported(lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_SM)),
        memory_clock_mhz=reported(lambda: nvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM)),
        slow_reasons=_slow_reasons(reported(lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(handle))),
        ecc_errors=_ecc_errors(nvml, handle),
        is_partitioned=is_partitioned,
        slices=tuple(_slices(nvml, handle)) if is_partitioned else (),
        processes=tuple(_processes(nvml, handle, files)) if files else (),
    )


def reported(read: Callable[[], T]) -> T | None:
    """A value that some devices, drivers or partitions (MIG, unified memory) do not report."""
    try:
        return read()
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound, pynvml.NVMLError_NoPermission):
        return None


def _slow_reasons(bits: int | None) -> tuple[str, ...]:
    return tuple(words for bit, words in SLOW.items() if bits and bits & bit)


def _ecc_errors(nvml: ModuleType, handle: Any) -> int | None:  # noqa: ANN401 - NVML's own handle
    counter, kind = pynvml.NVML_VOLATILE_ECC, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED
    return reported(lambda: nvml.nvmlDeviceGetTotalEccErrors(handle, kind, counter))


def _slices(nvml: ModuleType, handle: Any) -> Iterator[GpuSlice]:  # noqa: ANN401
    for number in range(reported(lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0):
        try:
            part = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
        except pynvml.NVMLError_NotFound:  # a place that no slice has
            continue
        name, uuid = nvml.nvmlDeviceGetName(part), nvml.nvmlDeviceGetUUID(part)
        memory = _memory(nvml, part)
        yield GpuSlice(uuid, name, memory and int(memory.total), memory and int(memory.used))


def _memory(nvml: ModuleType, part: Any) -> Any:  # noqa: ANN401
    return reported(lambda: nvml.nvmlDeviceGetMemoryInfo(part))


def _processes(nvml: ModuleType, handle: Any, files: SystemFiles) -> Iterator[GpuProcess]:  # noqa: ANN401
    """Each pid once: one that computes and draws is told twice by the driver."""
    found: dict[int, int | None] = {}
    for ask in (nvml.nvmlDeviceGetGraphicsRunningProcesses, nvml.nvmlDeviceGetComputeRunningProcesses):
        for one in _told(ask, handle):
            found[int(one.pid)] = None if one.usedGpuMemory is None else int(one.usedGpuMemory)
    for pid, memory in found.items():
        yield gpu_process(files, pid, memory)


def _told(ask: Callable[[Any], list[Any]], handle: Any) -> list[Any]:  # noqa: ANN401
    return reported(lambda: ask(handle)) or []
