"""Snapshots are measurements, shared for a second, and remembered up to a bound."""

import threading

from backend.services.hardware import HISTORY_LENGTH, HardwareService
from tests.fakes.clock import FakeClock
from tests.fakes.machine import NO_GPU, ONE_GPU, FakeMachine


def test_a_snapshot_says_when_it_was_taken_and_why_there_is_no_gpu() -> None:
    clock = FakeClock()
    snapshot = HardwareService(FakeMachine(), clock).snapshot()
    assert snapshot.at == clock.now()
    assert snapshot.gpus == ()
    assert snapshot.gpu_note == NO_GPU.note
    assert snapshot.memory.used_bytes == snapshot.memory.total_bytes - snapshot.memory.available_bytes


def test_gpus_are_those_of_the_driver() -> None:
    snapshot = HardwareService(FakeMachine(ONE_GPU), FakeClock()).snapshot()
    assert snapshot.gpus == ONE_GPU.gpus
    assert snapshot.gpu_note == ""


def test_within_a_second_the_machine_is_measured_once() -> None:
    machine, clock = FakeMachine(), FakeClock()
    service = HardwareService(machine, clock)
    first = service.snapshot()
    clock.advance(0.99)
    assert service.snapshot() is first
    assert machine.readings == 1


def test_after_a_second_it_is_measured_again() -> None:
    machine, clock = FakeMachine(), FakeClock()
    service = HardwareService(machine, clock)
    first = service.snapshot()
    clock.advance(1.0)
    second = service.snapshot()
    assert second is not first
    assert machine.readings == 2
    assert (first.cpu.busy_percent, second.cpu.busy_percent) == (None, 25.0)


def test_history_keeps_the_newest_snapshots_in_order() -> None:
    clock = FakeClock()
    service = HardwareService(FakeMachine(), clock)
    for _ in range(HISTORY_LENGTH + 5):
        service.snapshot()
        clock.advance(2.0)
    history = service.history()
    assert len(history) == HISTORY_LENGTH
    times = [snapshot.at for snapshot in history]
    assert times == sorted(times)
    assert times[-1] == clock.now()


def test_history_of_a_new_service_holds_the_present() -> None:
    assert len(HardwareService(FakeMachine(), FakeClock()).history()) == 1


def test_many_threads_share_one_measurement() -> None:
    machine = FakeMachine()
    service = HardwareService(machine, FakeClock())
    barrier = threading.Barrier(16)

    def ask() -> None:
        barrier.wait()
        service.snapshot()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert machine.readings == 1
