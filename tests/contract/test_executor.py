"""The same assertions over the executor of this machine and over its double."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from backend.domain.ports import Command, WarmExecutor
from backend.domain.run import ProcessIdentity
from backend.domain.states import Liveness
from backend.executors.environment import RUN_ID, TOKEN
from backend.executors.errors import CommandNotStarted
from backend.executors.local import LocalExecutor
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script

LONG = 60.0
MARKS = {RUN_ID: f"contract-test-{os.getpid()}", TOKEN: str(os.getpid())}
SLEEPS = "import time; print('up', flush=True); time.sleep(600)"
WAITS = """
import sys
from backend.executors.handover import wait_for_order, waiting_place
received = wait_for_order(waiting_place())
if received is None:
    sys.exit(0)
received.take_up()
exec(received.order.argv[2])
"""
IGNORES = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


class Bench(Protocol):
    executor: WarmExecutor

    def waiting(self) -> Command:
        """A program that waits for a command to become."""

    def command(self, name: str, script: Script) -> Command:
        """A program that does what the script says."""

    def is_up(self, command: Command) -> None:
        """Return when the program listens to signals."""

    def make_unknown(self, lock: Path) -> None:
        """Whether this lock is held cannot be told any more."""


class FakeBench:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.executor = FakeExecutor(FakeClock())

    def waiting(self) -> Command:
        return Command(("waiting",), self._folder, self._folder / "w.log", self._folder / "w.lock", MARKS)

    def command(self, name: str, script: Script) -> Command:
        self.executor.scripts = [script]
        folder = self._folder
        return Command(("fake",), folder, folder / f"{name}.log", folder / f"{name}.lock", MARKS)

    def is_up(self, command: Command) -> None:
        pass

    def make_unknown(self, lock: Path) -> None:
        self.executor.make_unknown(lock)


class LocalBench:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.executor = LocalExecutor()

    def waiting(self) -> Command:
        folder = self._folder
        return Command((sys.executable, "-c", WAITS), folder, folder / "w.log", folder / "w.lock", MARKS)

    def command(self, name: str, script: Script) -> Command:
        if script.lives_seconds == 0:
            code = f"import os, time; time.sleep(0.05); os._exit({script.exit_code})"
        else:
            code = SLEEPS if script.on_term is not None else IGNORES
        folder = self._folder
        return Command((sys.executable, "-c", code), folder, folder / f"{name}.log", folder / f"{name}.lock", MARKS)

    def is_up(self, command: Command) -> None:
        end = time.monotonic() + LONG
        while "up" not in command.log.read_text():
            assert time.monotonic() < end
            time.sleep(0.01)

    def make_unknown(self, lock: Path) -> None:
        lock.unlink(missing_ok=True)
        lock.symlink_to(self._folder / "elsewhere")


@pytest.fixture(params=[FakeBench, LocalBench])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    make: Callable[[Path], Bench] = request.param
    bench = make(tmp_path)
    yield bench
    bench.executor.sweep(MARKS)


def started(bench: Bench, command: Command) -> ProcessIdentity:
    process = bench.executor.start(command)
    assert process is not None
    bench.is_up(command)
    return process


def test_a_started_process_is_found_by_its_lock_as_long_as_it_lives(bench: Bench) -> None:
    command = bench.command("a", Script())
    assert bench.executor.find(command.lock) == (Liveness.DEAD, None)
    process = started(bench, command)
    assert bench.executor.find(command.lock) == (Liveness.ALIVE, process)
    bench.executor.kill(process)
    assert bench.executor.wait(process, LONG) is not None
    assert bench.executor.find(command.lock) == (Liveness.DEAD, None)


def test_a_held_lock_starts_nothing(bench: Bench) -> None:
    command = bench.command("a", Script())
    process = started(bench, command)
    assert bench.executor.start(command) is None
    assert bench.executor.find(command.lock) == (Liveness.ALIVE, process)


def test_a_free_lock_can_be_taken_again(bench: Bench) -> None:
    command = bench.command("a", Script(exit_code=0, lives_seconds=0))
    first = bench.executor.start(command)
    assert first is not None
    assert bench.executor.wait(first, LONG) is not None
    assert bench.executor.start(bench.command("a", Script())) not in (None, first)


@pytest.mark.parametrize("code", [0, 3, 75])
def test_the_exit_code_is_told_again_and_again(bench: Bench, code: int) -> None:
    process = bench.executor.start(bench.command("a", Script(exit_code=code, lives_seconds=0)))
    assert process is not None
    for _ in range(2):
        ended = bench.executor.wait(process, LONG)
        assert ended is not None
        assert ended.code == code


def test_waiting_for_a_living_process_gives_none_after_the_timeout(bench: Bench) -> None:
    process = started(bench, bench.command("a", Script()))
    assert bench.executor.wait(process, 0) is None
    assert bench.executor.wait(process, 0.05) is None


def test_term_ends_a_process_that_heeds_it(bench: Bench) -> None:
    process = started(bench, bench.command("a", Script(on_term=-signal.SIGTERM)))
    bench.executor.terminate(process)
    ended = bench.executor.wait(process, LONG)
    assert ended is not None
    assert ended.code == -signal.SIGTERM


def test_kill_ends_a_process_that_ignores_term(bench: Bench) -> None:
    process = started(bench, bench.command("a", Script(on_term=None)))
    bench.executor.terminate(process)
    assert bench.executor.wait(process, 0.2) is None
    bench.executor.kill(process)
    ended = bench.executor.wait(process, LONG)
    assert ended is not None
    assert ended.code == -signal.SIGKILL


def test_nobody_is_signalled_in_place_of_a_process_that_is_gone(bench: Bench) -> None:
    """The pid lives, but it is another process: started at another time, or before another boot."""
    process = started(bench, bench.command("a", Script()))
    for recycled in (replace(process, start_ticks=1), replace(process, boot_id="another")):
        bench.executor.terminate(recycled)
        bench.executor.kill(recycled)
        gone = bench.executor.wait(recycled, 0)
        assert gone is not None
        assert gone.code is None
    assert bench.executor.wait(process, 0.05) is None


def test_ending_what_has_ended_does_nothing(bench: Bench) -> None:
    process = bench.executor.start(bench.command("a", Script(exit_code=4, lives_seconds=0)))
    assert process is not None
    bench.executor.wait(process, LONG)
    bench.executor.terminate(process)
    bench.executor.kill(process)
    ended = bench.executor.wait(process, LONG)
    assert ended is not None
    assert ended.code == 4


def test_what_cannot_be_told_is_unknown(bench: Bench, tmp_path: Path) -> None:
    bench.make_unknown(tmp_path / "a.lock")
    assert bench.executor.find(tmp_path / "a.lock") == (Liveness.UNKNOWN, None)


def test_a_sweep_ends_exactly_what_carries_all_the_marks(bench: Bench) -> None:
    ours = started(bench, bench.command("a", Script()))
    assert bench.executor.sweep(MARKS | {TOKEN: "another"}) == 0
    assert bench.executor.wait(ours, 0.05) is None
    assert bench.executor.sweep(MARKS) == 1
    ended = bench.executor.wait(ours, LONG)
    assert ended is not None
    assert ended.code == -signal.SIGKILL


def test_a_warm_process_becomes_the_command_and_holds_its_lock(bench: Bench) -> None:
    waiting = bench.executor.warm(bench.waiting())
    assert waiting is not None
    command = bench.command("a", Script(exit_code=7, lives_seconds=0))
    assert bench.executor.find(command.lock) == (Liveness.DEAD, None)
    assert bench.executor.start(command, waiting) == waiting
    ended = bench.executor.wait(waiting, LONG)
    assert ended is not None
    assert ended.code == 7
    assert bench.executor.find(command.lock) == (Liveness.DEAD, None)


def test_a_warm_process_that_is_gone_is_replaced_by_a_new_one(bench: Bench) -> None:
    waiting = bench.executor.warm(bench.waiting())
    assert waiting is not None
    bench.executor.let_go(waiting)
    assert bench.executor.wait(waiting, LONG) is not None
    command = bench.command("a", Script())
    process = bench.executor.start(command, waiting)
    assert process not in (None, waiting)
    assert bench.executor.find(command.lock) == (Liveness.ALIVE, process)


def test_a_warm_process_that_was_started_is_not_let_go(bench: Bench) -> None:
    waiting = bench.executor.warm(bench.waiting())
    assert waiting is not None
    command = bench.command("a", Script())
    assert bench.executor.start(command, waiting) == waiting
    bench.is_up(command)
    bench.executor.let_go(waiting)
    assert bench.executor.wait(waiting, 0.05) is None
    assert bench.executor.find(command.lock) == (Liveness.ALIVE, waiting)


def test_a_held_lock_leaves_the_warm_process_waiting(bench: Bench) -> None:
    waiting = bench.executor.warm(bench.waiting())
    assert waiting is not None
    command = bench.command("a", Script())
    process = started(bench, command)
    assert bench.executor.start(command, waiting) is None
    assert bench.executor.find(command.lock) == (Liveness.ALIVE, process)
    bench.executor.let_go(waiting)
    assert bench.executor.wait(waiting, LONG) is not None


def test_two_do_not_wait_under_one_lock(bench: Bench) -> None:
    assert bench.executor.warm(bench.waiting()) is not None
    assert bench.executor.warm(bench.waiting()) is None


def test_whether_a_warm_process_is_ready_is_told_at_once(tmp_path: Path) -> None:
    """A supervisor asks while it watches a trainer, and must not miss its end."""
    bench = LocalBench(tmp_path)
    waiting = bench.executor.warm(bench.waiting())
    assert waiting is not None
    begun = time.monotonic()
    assert not bench.executor.is_ready(waiting), "it never says so"
    assert time.monotonic() - begun < LONG / 3, "it does not wait for a word"
    bench.executor.let_go(waiting)


def test_a_program_that_does_not_exist_is_an_error_and_leaves_the_lock_free(tmp_path: Path) -> None:
    executor = LocalExecutor()
    command = Command(("/no/such/program",), tmp_path, tmp_path / "a.log", tmp_path / "a.lock")
    with pytest.raises(CommandNotStarted, match="/no/such/program"):
        executor.start(command)
    assert executor.find(command.lock) == (Liveness.DEAD, None)
