"""MemoryMonitor: what the dashboard and its children hold, measured when asked."""

import os
import subprocess
import sys
from pathlib import Path

from app.components.memory_line import memory_line
from backend.containers import build_container
from backend.executors.heap import give_back
from backend.probes.memory import resident_bytes, tree_bytes
from backend.services.memory_monitor import MemoryMonitor, MemoryUse, Relief
from config.settings import Settings
from tests.fakes.clock import FakeClock

MIB = 2**20


class Measured:
    """Sizes that a test sets; `asked` are the pids."""

    def __init__(self, own: int | None, tree: int | None) -> None:
        self.own, self.tree = own, tree
        self.asked: list[int] = []

    def monitor(self, clock: FakeClock | None = None) -> MemoryMonitor:
        return MemoryMonitor(self._own, lambda pid: self.tree, clock or FakeClock(), limit_bytes=500 * MIB)

    def _own(self, pid: int) -> int | None:
        self.asked.append(pid)
        return self.own


def test_own_memory_and_that_of_children_are_told_apart() -> None:
    measured = Measured(300 * MIB, 1_000 * MIB)
    assert measured.monitor().use() == MemoryUse(300 * MIB, 700 * MIB, 500 * MIB)
    assert measured.asked == [os.getpid()]


def test_it_is_measured_once_per_second_however_many_ask() -> None:
    clock, measured = FakeClock(), Measured(MIB, MIB)
    monitor = measured.monitor(clock)
    first = monitor.use()
    clock.advance(0.9)
    assert monitor.use() is first
    clock.advance(0.2)
    monitor.use()
    assert len(measured.asked) == 2


def test_only_own_memory_counts_against_the_limit() -> None:
    assert not Measured(500 * MIB, 5_000 * MIB).monitor().use().is_above_limit
    assert Measured(500 * MIB + 1, 500 * MIB + 1).monitor().use().is_above_limit


def test_what_cannot_be_measured_is_no_number() -> None:
    assert Measured(None, 5).monitor().use() == MemoryUse(None, None, 500 * MIB)
    assert Measured(5, None).monitor().use() == MemoryUse(5, None, 500 * MIB)
    assert not Measured(None, None).monitor().use().is_above_limit


def test_a_child_that_ended_between_two_measurements_gives_no_negative_size() -> None:
    assert Measured(10, 9).monitor().use().children_bytes == 0


def test_this_process_and_a_real_child_are_measured() -> None:
    monitor = MemoryMonitor(resident_bytes, tree_bytes, FakeClock())
    before = monitor.use()
    assert before.own_bytes is not None
    assert before.own_bytes > 10 * MIB
    code = "held = bytearray(100 * 2**20); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        during = MemoryMonitor(resident_bytes, tree_bytes, FakeClock()).use()
        child.communicate(b"\n")
    assert during.children_bytes is not None
    assert during.children_bytes > 100 * MIB


def test_above_the_limit_caches_are_cleared_at_most_once_a_minute_and_no_model_is_unloaded() -> None:
    clock, measured, told = FakeClock(), Measured(600 * MIB, 600 * MIB), []
    monitor = measured.monitor(clock)

    def clear() -> None:
        told.append("cleared")
        measured.own = 550 * MIB

    monitor.relief = Relief(clear, lambda: told.append("unloaded"))
    assert monitor.use().own_bytes == 550 * MIB
    clock.advance(30)
    assert monitor.use().is_above_limit
    assert told == ["cleared"]
    clock.advance(31)
    monitor.use()
    assert told == ["cleared", "cleared"]
    measured.own = 100 * MIB
    clock.advance(100)
    monitor.use()
    assert told == ["cleared", "cleared"]


def test_a_person_frees_what_can_be_let_go_and_hears_how_much_it_was() -> None:
    measured, told = Measured(300 * MIB, 900 * MIB), []
    monitor = measured.monitor()

    def unload() -> None:
        told.append("unloaded")
        measured.tree = 400 * MIB

    monitor.relief = Relief(lambda: told.append("cleared"), unload)
    assert monitor.free() == 500 * MIB
    assert told == ["unloaded", "cleared"]
    assert monitor.use().children_bytes == 100 * MIB
    assert monitor.free() == 0


def test_memory_that_is_free_inside_the_process_goes_back_to_the_system() -> None:
    held = [bytes(1000) for _ in range(100_000)]
    full = resident_bytes(os.getpid())
    del held
    give_back()
    after = resident_bytes(os.getpid())
    assert full is not None
    assert after is not None
    assert after < full - 50 * MIB


def test_the_dashboard_lets_go_of_caches_curves_and_an_idle_chat(workspace: Path) -> None:
    studio = build_container(Settings(workspace=workspace))
    services = studio.services()
    try:
        studio.answers().get_or_compute(("x",), lambda: 1)
        folder = workspace / "tensorboard"
        folder.mkdir(parents=True)
        services.curves.curves(folder)
        services.memory.free()
        assert len(studio.answers()) == 0
        assert not services.curves._is_known(folder)
    finally:
        studio.shutdown_resources()


def test_one_line_says_it_all() -> None:
    line = memory_line(MemoryUse(300 * MIB, 700 * MIB, 500 * MIB))
    assert line == "The dashboard takes 300 MiB of memory, the programs it has started 700 MiB."
    above = memory_line(MemoryUse(600 * MIB, None, 500 * MIB))
    assert above.startswith("The dashboard takes 600 MiB of memory. That is more than 500 MiB")
    assert "cannot be measured" in memory_line(MemoryUse(None, None, 1))
