"""NvidiaDriver: GPUs through the driver's management library (NVML), without torch or a CUDA context."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pynvml

from backend.domain.machine import Gpu, GpuReading

T = TypeVar("T")
NO_DRIVER = "No NVIDIA driver was found."
NO_DEVICE = "The NVIDIA driver is installed, but it reports no GPU."


class NvidiaDriver:
    """Reads every GPU anew at each call and keeps the library open in between. Safe from many threads.

    Indices count all devices in PCI order, whatever CUDA_VISIBLE_DEVICES says.
    Source: https://docs.nvidia.com/deploy/nvml-api/
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False

    def read(self) -> GpuReading:
        """All GPUs, or none and the reason in `note`. Never raises for a missing or failing driver."""
        with self._lock:
            try:
                self._open()
                return _reading()
            except pynvml.NVMLError as error:
                self._close()
                note = _reason(error)
                return GpuReading(note=note, is_certain=note == NO_DRIVER)

    def _open(self) -> None:
        if not self._is_open:
            pynvml.nvmlInit()
            self._is_open = True

    def _close(self) -> None:
        """Let the next call start anew: a driver may be installed or come back while we run."""
        if self._is_open:
            self._is_open = False
            with suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()


def _reading() -> GpuReading:
    gpus, notes = [], []
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            gpus.append(_gpu(index))
        except pynvml.NVMLError as error:
            notes.append(f"GPU {index} cannot be read: {error}.")
    return GpuReading(
        gpus=tuple(gpus),
        driver_version=_reported(pynvml.nvmlSystemGetDriverVersion),
        cuda_version=_cuda_version(_reported(pynvml.nvmlSystemGetCudaDriverVersion_v2)),
        note=" ".join(notes) if gpus or notes else NO_DEVICE,
    )


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = _reported(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
    busy = _reported(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle))
    milliwatts = _reported(lambda: pynvml.nvmlDeviceGetPowerUsage(handle))
    millijoules = _reported(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))
    return Gpu(
        index=index,
        name=pynvml.nvmlDeviceGetName(handle),
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        memory_total_bytes=memory and int(memory.total),
        memory_used_bytes=memory and int(memory.used),
        busy_percent=None if busy is None else float(busy.gpu),
        temperature_celsius=_reported(lambda: pynvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU)),
        power_watts=None if milliwatts is None else milliwatts / 1000,
        energy_joules=None if millijoules is None else millijoules / 1000,
        compute_capability=_reported(lambda: pynvml.nvmlDeviceGetCudaComputeCapability(handle)),
    )


def _reported(read: Callable[[], T]) -> T | None:
    """A value that some devices, drivers or partitions (MIG, unified memory) do not report."""
    try:
        return read()
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound, pynvml.NVMLError_NoPermission):
        return None


def _cuda_version(number: int | None) -> str | None:
    """NVML counts CUDA 12.8 as 12080."""
    return None if number is None else f"{number // 1000}.{number % 1000 // 10}"


def _reason(error: pynvml.NVMLError) -> str:
    if isinstance(error, pynvml.NVMLError_LibraryNotFound | pynvml.NVMLError_DriverNotLoaded):
        return NO_DRIVER
    return f"The NVIDIA driver does not answer: {error}."
