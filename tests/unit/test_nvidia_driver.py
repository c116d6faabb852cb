"""GPUs as the driver reports them, and no exception when it does not; the foreign library is scripted."""

from pathlib import Path

import pynvml
import pytest

from backend.domain.machine import DriverState, GpuProcess, GpuSlice
from backend.probes.nvidia import NO_DEVICE, NO_DRIVER, NvidiaDriver
from backend.probes.system_files import SystemFiles
from tests.fakes.machines import process, write
from tests.fakes.nvml import Card, ScriptedNvml


def test_every_field_is_what_the_driver_says() -> None:
    reading = NvidiaDriver(library=ScriptedNvml(Card("GPU model 0"), driver="580.65")).read()
    assert (reading.driver_version, reading.cuda_version, reading.note) == ("580.65", "12.8", "")
    (gpu,) = reading.gpus
    assert (gpu.index, gpu.name, gpu.uuid) == (0, "GPU model 0", "GPU-0")
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes) == (80, 20)
    assert (gpu.busy_percent, gpu.temperature_celsius, gpu.power_watts) == (55.0, 40, 123.4)
    assert (gpu.compute_capability, gpu.energy_joules, gpu.power_limit_watts) == ((9, 0), 5.6, 700.0)
    assert (gpu.clock_mhz, gpu.max_clock_mhz, gpu.memory_clock_mhz) == (1_500, 1_980, 3_201)
    assert (gpu.slow_reasons, gpu.ecc_errors, gpu.is_partitioned) == ((), 0, False)


def test_the_library_is_opened_once_for_many_readings() -> None:
    nvml = ScriptedNvml(Card())
    probe = NvidiaDriver(library=nvml)
    probe.read()
    probe.read()
    assert nvml.calls.count("nvmlInit") == 1


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_a_missing_driver_is_a_note(code: int) -> None:
    nvml = ScriptedNvml(Card())
    nvml.failures["nvmlInit"] = pynvml.NVMLError(code)
    reading = NvidiaDriver(library=nvml).read()
    assert reading.gpus == ()
    assert (reading.note, reading.state) == (NO_DRIVER, DriverState.MISSING)
    assert "nvmlShutdown" not in nvml.calls


def test_a_driver_without_devices_is_a_note() -> None:
    reading = NvidiaDriver(library=ScriptedNvml(driver="580.65")).read()
    assert (reading.gpus, reading.note, reading.driver_version) == ((), NO_DEVICE, "580.65")
    assert reading.state is DriverState.NO_DEVICE


def test_a_driver_that_fails_is_a_note_and_is_opened_anew_next_time() -> None:
    nvml = ScriptedNvml(Card())
    probe = NvidiaDriver(library=nvml)
    nvml.failures["nvmlDeviceGetCount"] = pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)
    nvml.failures["nvmlShutdown"] = pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
    reading = probe.read()
    assert (reading.note, reading.state) == (
        "The NVIDIA driver does not answer: Unknown Error.",
        DriverState.FAILING,
    )
    nvml.failures.clear()
    assert len(probe.read().gpus) == 1
    assert nvml.calls.count("nvmlInit") == 2


def test_a_lost_gpu_does_not_hide_the_others() -> None:
    class OneLost(ScriptedNvml):
        def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:  # noqa: N802 - the library's name
            if index == 0:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
            return self.cards[index]

    nvml = OneLost(Card(), Card(uuid="GPU-1"))
    reading = NvidiaDriver(library=nvml).read()
    assert [gpu.index for gpu in reading.gpus] == [1]
    assert reading.note == "GPU 0 cannot be read: GPU is lost."
    assert nvml.calls.count("nvmlInit") == 1


def test_what_a_device_does_not_report_is_unknown_and_not_zero() -> None:
    silent = Card(
        memory=None,
        busy=None,
        celsius=None,
        milliwatts=None,
        limit_milliwatts=None,
        millijoules=None,
        capability=None,
        mhz=None,
        slow=None,
        ecc_errors=None,
    )
    nvml = ScriptedNvml(silent)
    nvml.failures["nvmlSystemGetCudaDriverVersion_v2"] = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    reading = NvidiaDriver(library=nvml).read()
    (gpu,) = reading.gpus
    assert reading.cuda_version is None
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes, gpu.busy_percent) == (None, None, None)
    assert (gpu.power_watts, gpu.temperature_celsius, gpu.compute_capability) == (None, None, None)
    assert (gpu.energy_joules, gpu.power_limit_watts, gpu.ecc_errors) == (None, None, None)
    assert (gpu.clock_mhz, gpu.max_clock_mhz, gpu.memory_clock_mhz, gpu.slow_reasons) == (None, None, None, ())


def test_what_holds_the_clock_down_is_told_and_idling_is_no_reason() -> None:
    (gpu,) = NvidiaDriver(library=ScriptedNvml(Card(slow=0x01 | 0x04 | 0x40))).read().gpus
    assert gpu.slow_reasons == ("its power limit", "its temperature, by the hardware")


def test_slices_are_told_and_their_empty_places_are_not() -> None:
    part = Card("MIG 1g.10gb", "MIG-x", (10, 4))
    (gpu,) = NvidiaDriver(library=ScriptedNvml(Card(has_mig=True, busy=None, slices=(part,)))).read().gpus
    assert gpu.is_partitioned
    assert gpu.slices == (GpuSlice("MIG-x", "MIG 1g.10gb", 10, 4),)


def test_programs_have_the_name_and_the_ancestors_that_the_kernel_tells(tmp_path: Path) -> None:
    write(tmp_path, process(42, "odd) (name", 41) | process(41, "bash", 1))
    nvml = ScriptedNvml(Card(computing={42: 5, 7: None}, drawing={42: 1}))
    (gpu,) = NvidiaDriver(SystemFiles(tmp_path), nvml).read().gpus
    assert gpu.processes == (GpuProcess(42, 5, "odd) (name", (41,)), GpuProcess(7))
    (unnamed,) = NvidiaDriver(library=nvml).read().gpus
    assert unnamed.processes == ()
