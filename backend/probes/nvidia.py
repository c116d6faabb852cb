"""NvidiaDriver: GPUs through the driver's management library (NVML), without torch or a CUDA context."""

import threading
from contextlib import suppress
from types import ModuleType

import pynvml

from backend.domain.machine import GpuReading
from backend.probes.nvidia_device import read_gpu, reported
from backend.probes.system_files import SystemFiles

NO_DRIVER = "No NVIDIA driver was found."
NO_DEVICE = "The NVIDIA driver is installed, but it reports no GPU."


class NvidiaDriver:
    """Reads every GPU anew at each call and keeps the library open in between. Safe from many threads.

    Indices count all devices in PCI order, whatever CUDA_VISIBLE_DEVICES says. With `files`, the programs on each GPU
    are told as well. `library` is pynvml or what a test has for it.
    Source: https://docs.nvidia.com/deploy/nvml-api/
    """

    def __init__(self, files: SystemFiles | None = None, library: ModuleType = pynvml) -> None:
        self._files = files
        self._library = library
        self._lock = threading.Lock()
        self._is_open = False

    def read(self) -> GpuReading:
        """All GPUs, or none and the reason in `note`. Never raises for a missing or failing driver."""
        with self._lock:
            try:
                self._open()
                return self._reading()
            except pynvml.NVMLError as error:
                self._close()
                note = _reason(error)
                return GpuReading(note=note, is_certain=note == NO_DRIVER)

    def _open(self) -> None:
        if not self._is_open:
            self._library.nvmlInit()
            self._is_open = True

    def _close(self) -> None:
        """Let the next call start anew: a driver may be installed or come back while we run."""
        if self._is_open:
            self._is_open = False
            with suppress(pynvml.NVMLError):
                self._library.nvmlShutdown()

    def _reading(self) -> GpuReading:
        gpus, notes = [], []
        for index in range(self._library.nvmlDeviceGetCount()):
            try:
                gpus.append(read_gpu(self._library, index, self._files))
            except pynvml.NVMLError as error:
                notes.append(f"GPU {index} cannot be read: {error}.")
        return GpuReading(
            gpus=tuple(gpus),
            driver_version=reported(self._library.nvmlSystemGetDriverVersion),
            cuda_version=_cuda_version(reported(self._library.nvmlSystemGetCudaDriverVersion_v2)),
            note=" ".join(notes) if gpus or notes else NO_DEVICE,
        )


def _cuda_version(number: int | None) -> str | None:
    """NVML counts CUDA 12.8 as 12080."""
    return None if number is None else f"{number // 1000}.{number % 1000 // 10}"


def _reason(error: pynvml.NVMLError) -> str:
    if isinstance(error, pynvml.NVMLError_LibraryNotFound | pynvml.NVMLError_DriverNotLoaded):
        return NO_DRIVER
    return f"The NVIDIA driver does not answer: {error}."
