"""GPUs as the driver reports them, and no exception when it does not; the foreign binding is scripted."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Never

import pynvml
import pytest

from backend.probes.nvidia import NO_DEVICE, NO_DRIVER, NvidiaDriver


class ScriptedDriver:
    """Plays libnvidia-ml behind pynvml's functions; `failures` maps a function to the error it raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int = 1) -> None:
        self.calls: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.count = count
        answers = {
            "nvmlInit": lambda: None,
            "nvmlShutdown": lambda: None,
            "nvmlSystemGetDriverVersion": lambda: "580.65",
            "nvmlSystemGetCudaDriverVersion_v2": lambda: 12080,
            "nvmlDeviceGetCount": lambda: self.count,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda handle: f"GPU model {handle}",
            "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}",
            "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(total=80, used=20, free=60),
            "nvmlDeviceGetUtilizationRates": lambda _: SimpleNamespace(gpu=55, memory=10),
            "nvmlDeviceGetPowerUsage": lambda _: 123_400,
            "nvmlDeviceGetTotalEnergyConsumption": lambda _: 5_600,
            "nvmlDeviceGetTemperatureV": lambda _, sensor: 40 + sensor,
            "nvmlDeviceGetCudaComputeCapability": lambda _: (9, 0),
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, self._scripted(name, answer))

    def _scripted(self, name: str, answer: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            self.calls.append(name)
            if name in self.failures:
                raise self.failures[name]
            return answer(*arguments)

        return call


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> ScriptedDriver:
    return ScriptedDriver(monkeypatch)


def test_every_field_is_what_the_driver_says(driver: ScriptedDriver) -> None:
    reading = NvidiaDriver().read()
    assert (reading.driver_version, reading.cuda_version, reading.note) == ("580.65", "12.8", "")
    (gpu,) = reading.gpus
    assert (gpu.index, gpu.name, gpu.uuid) == (0, "GPU model 0", "GPU-0")
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes) == (80, 20)
    assert (gpu.busy_percent, gpu.temperature_celsius, gpu.power_watts) == (55.0, 40, 123.4)
    assert (gpu.compute_capability, gpu.energy_joules) == ((9, 0), 5.6)


def test_the_library_is_opened_once_for_many_readings(driver: ScriptedDriver) -> None:
    probe = NvidiaDriver()
    probe.read()
    probe.read()
    assert driver.calls.count("nvmlInit") == 1


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_a_missing_driver_is_a_note(driver: ScriptedDriver, code: int) -> None:
    driver.failures["nvmlInit"] = pynvml.NVMLError(code)
    reading = NvidiaDriver().read()
    assert reading.gpus == ()
    assert reading.note == NO_DRIVER
    assert "nvmlShutdown" not in driver.calls


def test_a_driver_without_devices_is_a_note(driver: ScriptedDriver) -> None:
    driver.count = 0
    reading = NvidiaDriver().read()
    assert (reading.gpus, reading.note, reading.driver_version) == ((), NO_DEVICE, "580.65")


def test_a_driver_that_fails_is_a_note_and_is_opened_anew_next_time(driver: ScriptedDriver) -> None:
    probe = NvidiaDriver()
    driver.failures["nvmlDeviceGetCount"] = pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)
    driver.failures["nvmlShutdown"] = pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
    assert probe.read().note == "The NVIDIA driver does not answer: Unknown Error."
    driver.failures.clear()
    assert len(probe.read().gpus) == 1
    assert driver.calls.count("nvmlInit") == 2


def test_a_lost_gpu_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ScriptedDriver(monkeypatch, count=2)
    lost = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda i: i if i == 1 else _raise(lost))
    reading = NvidiaDriver().read()
    assert [gpu.index for gpu in reading.gpus] == [1]
    assert reading.note == "GPU 0 cannot be read: GPU is lost."
    assert driver.calls.count("nvmlInit") == 1


def test_what_a_device_does_not_report_is_unknown_and_not_zero(driver: ScriptedDriver) -> None:
    for name in (
        "nvmlDeviceGetMemoryInfo",
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetTotalEnergyConsumption",
        "nvmlDeviceGetTemperatureV",
        "nvmlDeviceGetCudaComputeCapability",
        "nvmlSystemGetCudaDriverVersion_v2",
    ):
        driver.failures[name] = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    reading = NvidiaDriver().read()
    (gpu,) = reading.gpus
    assert reading.cuda_version is None
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes, gpu.busy_percent) == (None, None, None)
    assert (gpu.power_watts, gpu.temperature_celsius, gpu.compute_capability) == (None, None, None)
    assert gpu.energy_joules is None


def _raise(error: Exception) -> Never:
    raise error
