"""System curves hold what was measured, and nothing where nothing was."""

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from backend.domain.machine import Gpu, GpuReading
from backend.probes import memory
from backend.probes.energy import ProcessorEnergy
from backend.probes.nvidia import NvidiaDriver
from backend.probes.system_files import SystemFiles
from backend.supervisor.program import trainer_program
from backend.trainer import system
from backend.trainer.curves import EventFile
from backend.trainer.system import Price, SampledSystem, SystemCurves, own_gpus, spent_before, system_curves
from backend.trainer.usage import RunUsage, Usage
from config.settings import Settings
from tests.training.runs import wait_until


class Cards(NvidiaDriver):
    """Gives the readings one after the other."""

    def __init__(self, *readings: tuple[Gpu, ...]) -> None:
        self.readings = list(readings)

    def read(self) -> GpuReading:
        return GpuReading(self.readings.pop(0))


class Ticks:
    """Two seconds pass between any two looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 2.0
        return self.now


def usage(folder: Path, *readings: tuple[Gpu, ...], powercap: Path | None = None) -> RunUsage:
    own = {"aa": 0, "bb": 1} if readings else {}
    processor = ProcessorEnergy(powercap or folder / "nothing")
    return RunUsage(folder, os.getpid(), own, Cards(*readings), processor, Ticks())


def test_a_machine_without_a_power_meter_has_no_power_and_no_energy(tmp_path: Path) -> None:
    found = usage(tmp_path)
    first, second = found.read(), found.read()
    assert first.joules is second.joules is None
    expected = {"system/memory_bytes", "system/trainer_memory_bytes", "system/disk_free_bytes"}
    assert first.values.keys() == expected
    assert expected <= second.values.keys() <= expected | {"system/cpu_percent"}
    assert second.values["system/trainer_memory_bytes"] > 1e7
    assert 0 < second.values["system/memory_bytes"] < psutil.virtual_memory().total
    assert second.values["system/disk_free_bytes"] == pytest.approx(psutil.disk_usage(str(tmp_path)).free, rel=0.05)


def test_the_share_of_busy_processors_is_over_the_time_since_the_last_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.trainer import usage as module

    times = iter([(100.0, 1000.0), (130.0, 1100.0)])
    monkeypatch.setattr(module, "_cpu_seconds", lambda: next(times))
    found = usage(tmp_path)
    assert "system/cpu_percent" not in found.read().values
    assert found.read().values["system/cpu_percent"] == 30.0


def test_only_the_run_s_own_gpus_are_read_by_their_number_among_them(tmp_path: Path) -> None:
    cards = (
        Gpu(0, "other", "GPU-cc", memory_used_bytes=1, power_watts=500.0),
        Gpu(1, "second", "GPU-BB", memory_used_bytes=20, busy_percent=30.0, temperature_celsius=40, power_watts=50.0),
        Gpu(2, "first", "GPU-aa", memory_used_bytes=10),
    )
    values = usage(tmp_path, cards).read().values
    assert {tag: value for tag, value in values.items() if tag.startswith("gpu/")} == {
        "gpu/0/memory_bytes": 10.0,
        "gpu/1/memory_bytes": 20.0,
        "gpu/1/utilization_percent": 30.0,
        "gpu/1/temperature_celsius": 40.0,
        "gpu/1/power_watts": 50.0,
    }


def test_energy_is_that_of_the_counter_or_else_power_over_time(tmp_path: Path) -> None:
    def cards(counted: float) -> tuple[Gpu, ...]:
        return (
            Gpu(0, "counts", "GPU-aa", power_watts=77.0, energy_joules=counted),
            Gpu(1, "does not", "GPU-bb", power_watts=10.0),
        )

    found = usage(tmp_path, cards(1000.0), cards(1140.0))
    assert found.read().joules == 0.0
    second = found.read()
    assert second.joules == 140.0 + 2 * 10.0
    assert second.values["system/power_watts"] == 80.0


def powercap(folder: Path, *counts: int) -> Callable[..., None]:
    """The kernel's layout: packages, a part of one, the whole board."""

    def write(*counts: int) -> None:
        for number, count in enumerate(counts):
            (folder / f"intel-rapl:{number}" / "energy_uj").write_text(f"{count}\n")

    for name, label in (("0", "package-0"), ("1", "package-1"), ("0:0", "core"), ("2", "psys")):
        zone = folder / f"intel-rapl:{name}"
        zone.mkdir(parents=True)
        (zone / "name").write_text(f"{label}\n")
        (zone / "max_energy_range_uj").write_text("1000000000\n")
        (zone / "energy_uj").write_text("5\n")
    write(*counts)
    return write


def test_the_processor_s_packages_are_added_and_their_parts_are_not(tmp_path: Path) -> None:
    write = powercap(tmp_path, 1_000_000, 2_000_000)
    energy = ProcessorEnergy(tmp_path)
    assert energy.joules() == 0.0
    write(4_000_000, 2_500_000)
    assert energy.joules() == pytest.approx(3.5)


@examples(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 900_000_000), min_size=1, max_size=8))
def test_a_counter_that_starts_again_loses_no_energy(tmp_path_factory: pytest.TempPathFactory, used: list[int]) -> None:
    folder = tmp_path_factory.mktemp("powercap")
    write, count, total = powercap(folder, 0, 0), 0, 0.0
    energy = ProcessorEnergy(folder)
    energy.joules()
    for one in used:
        count = (count + one) % 1_000_000_000
        write(count, 0)
        total += energy.joules() or 0.0
    assert total == pytest.approx(sum(used) / 1e6)


def test_a_meter_that_may_not_be_read_gives_no_value(tmp_path: Path) -> None:
    powercap(tmp_path, 1, 1)
    (tmp_path / "intel-rapl:1" / "energy_uj").unlink()
    assert ProcessorEnergy(tmp_path).joules() is None
    assert ProcessorEnergy(tmp_path / "not there").joules() is None


def test_a_point_has_the_means_since_the_last_one_and_energy_since_the_beginning() -> None:
    curves = SampledSystem(lambda: Usage({}), spent_joules=400.0, price=Price(0.5, "EUR"))
    curves.keep(Usage({"system/cpu_percent": 10.0}, joules=3_600_000.0))
    curves.keep(Usage({"system/cpu_percent": 30.0, "system/power_watts": 7.0}, joules=600.0))
    assert curves.take() == {
        "system/cpu_percent": 20.0,
        "system/power_watts": 7.0,
        "system/energy_joules": 3_601_000.0,
        "system/energy_cost": pytest.approx(0.5 * 3_601_000 / 3_600_000),
    }
    assert curves.take() == {}


def test_an_attempt_that_cannot_measure_power_repeats_no_former_energy() -> None:
    curves = SampledSystem(lambda: Usage({}), spent_joules=400.0)
    curves.keep(Usage({"system/cpu_percent": 10.0}))
    assert curves.take() == {"system/cpu_percent": 10.0}


def test_a_price_has_to_be_set() -> None:
    assert Price.of({}) is None
    assert Price.of({"PEFT_STUDIO_ENERGY_PRICE_PER_KWH": "0.0"}) is None
    assert Price.of({"PEFT_STUDIO_ENERGY_PRICE_PER_KWH": "much"}) is None
    environ = {"PEFT_STUDIO_ENERGY_PRICE_PER_KWH": "0.31", "PEFT_STUDIO_ENERGY_CURRENCY": "EUR"}
    price = Price.of(environ)
    assert price == Price(0.31, "EUR")
    assert price.sentence() == "0.31 EUR per kWh"
    assert Price(0.31, "").sentence() == "0.31 per kWh"


def test_a_supervisor_tells_its_trainer_the_price_of_the_settings(workspace: Path) -> None:
    settings = Settings(workspace=workspace, energy_price_per_kwh=0.25, energy_currency="CHF")
    assert Price.of(trainer_program(settings, ("trainer",)).environment) == Price(0.25, "CHF")
    assert Price.of(trainer_program(Settings(workspace=workspace), ("trainer",)).environment) is None


def test_reading_draws_no_random_numbers_and_ends_with_the_training(tmp_path: Path) -> None:
    before = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state()
    count = 0
    inner = usage(tmp_path)

    def read() -> Usage:
        nonlocal count
        count += 1
        return inner.read()

    with SampledSystem(read, interval_seconds=0.01) as curves:
        wait_until(lambda: count > 3)
        assert curves.take()["system/memory_bytes"] > 0
    wait_until(lambda: not any(thread.name == "system-curves" for thread in threading.enumerate()))
    after = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state()
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


def test_a_slow_reading_is_made_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    curves = SampledSystem(lambda: Usage({}), interval_seconds=1.0)
    monkeypatch.setattr(system.time, "thread_time", iter([0.0, 0.001, 5.0, 5.02]).__next__)

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 3

    monkeypatch.setattr(curves._over, "wait", wait)
    curves._sample()
    assert waits == [0.0, 1.0, pytest.approx(0.02 / 0.005)]
    assert curves.cost_seconds == pytest.approx(0.021)


@pytest.mark.parametrize(
    "error", [OSError("gone"), psutil.AccessDenied(), AttributeError("no such field"), KeyError("x")]
)
def test_a_reading_that_fails_ends_neither_the_curves_nor_the_training(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "RETRY_SECONDS", 0.0)
    answers = iter([Usage({"system/memory_bytes": 1.0}), error, error, Usage({"system/memory_bytes": 3.0})])
    is_over = threading.Event()

    def read() -> Usage:
        answer = next(answers, None)
        if answer is None:
            is_over.set()
            return Usage({})
        if isinstance(answer, Exception):
            raise answer
        return answer

    with SampledSystem(read, interval_seconds=0.0) as curves:
        assert is_over.wait(20)
        assert curves.take() == {"system/memory_bytes": 2.0}
    assert capsys.readouterr().out.count("the machine could not be read") == 1


def test_without_a_thread_to_spare_there_are_no_system_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with SampledSystem(lambda: Usage({"system/memory_bytes": 1.0})) as curves:
            assert curves.take() == {}


def test_a_machine_that_cannot_be_asked_has_no_system_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> dict[str, int]:
        raise AttributeError("uuid")  # as of torch for other devices

    monkeypatch.setattr(system, "own_gpus", refuse)
    with system_curves(tmp_path, None, {}) as curves:
        assert curves.take() == {}


def test_energy_goes_on_from_what_earlier_attempts_wrote(tmp_path: Path) -> None:
    assert spent_before(tmp_path / "nothing yet") is None
    first = EventFile(tmp_path, first_step=0)
    first.add(1, {"system/energy_joules": 5.0})
    first.add(2, {"system/energy_joules": 9.0, "train/loss": 1.0})
    assert spent_before(tmp_path) == 9.0


def test_only_the_first_of_several_processes_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEFT_STUDIO_PROCESSES", "2")
    monkeypatch.setenv("RANK", "1")
    with system_curves(tmp_path, None, {}) as curves:
        assert type(curves) is SystemCurves
        assert curves.take() == {}
    monkeypatch.setenv("RANK", "0")
    assert isinstance(system_curves(tmp_path, None, {}), SampledSystem)
    assert system.trainer_pid() == psutil.Process().parents()[1].pid


@pytest.mark.skipif(torch.cuda.is_available(), reason="of machines without a GPU")
def test_without_a_gpu_there_are_no_gpu_curves() -> None:
    assert own_gpus() == {}


def test_used_memory_is_that_of_the_nearest_group_with_a_limit(tmp_path: Path) -> None:
    outer = tmp_path / "sys" / "fs" / "cgroup" / "outer"
    (outer / "inner").mkdir(parents=True)
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/outer/inner\n")
    for folder, limit, used in ((outer / "inner", "max", 7), (outer, "1000", 300)):
        (folder / "memory.max").write_text(limit)
        (folder / "memory.current").write_text(str(used))
        (folder / "memory.stat").write_text("inactive_file 100\nactive_file 5\n")
    assert memory.used_bytes(SystemFiles(tmp_path)) == 200
    (outer / "memory.max").write_text("max")
    assert memory.used_bytes(SystemFiles(tmp_path)) > 1e7


def test_the_gpus_of_a_run_are_those_that_torch_sees_one_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    uuids = ["GPU-AA-1", "bb-2", "cc-3"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(uuids))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=uuids[number]))
    assert own_gpus() == {"aa-1": 0}
    monkeypatch.setenv("PEFT_STUDIO_PROCESSES", "2")
    assert own_gpus() == {"aa-1": 0, "bb-2": 1}
