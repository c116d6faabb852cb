"""What a LineProgram promises, asked of the scripted one and of a real process."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.domain.line_program import LineChild, LineProgram
from backend.executors.piped import PipedProgram
from tests.fakes.clock import FakeClock
from tests.fakes.lines import Said, ScriptedProgram

ECHO = """
import sys
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "exit":
        sys.exit(int(rest))
    if word == "hello":
        print("hello", flush=True)
        print("again", flush=True)
"""


def scripted_echo(line: str) -> list[Said]:
    word, _, rest = line.partition(" ")
    if word == "exit":
        return [int(rest)]
    return ["hello", "again"] if word == "hello" else []


def scripted(folder: Path) -> LineProgram:
    return ScriptedProgram(scripted_echo, FakeClock())


def piped(folder: Path) -> LineProgram:
    return PipedProgram((sys.executable, "-c", ECHO), cwd=folder, log=folder / "logs" / "echo.log")


@pytest.fixture(params=[scripted, piped])
def child(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LineChild]:
    make: Callable[[Path], LineProgram] = request.param
    started = make(tmp_path).start({})
    yield started
    started.end(0)


def test_lines_come_back_in_order(child: LineChild) -> None:
    child.send("hello", 10)
    assert [child.receive(30), child.receive(30)] == ["hello", "again"]


def test_silence_is_none_and_not_the_end(child: LineChild) -> None:
    child.send("hush", 10)
    assert child.receive(0.05) is None
    assert child.exit_code is None


def test_the_end_is_heard_after_the_last_line_and_has_a_code(child: LineChild) -> None:
    child.send("hello", 10)
    child.send("exit 3", 10)
    assert [child.receive(30), child.receive(30)] == ["hello", "again"]
    for _ in range(2):
        with pytest.raises(EOFError):
            child.receive(30)
    assert child.exit_code == 3
    assert child.memory_bytes() is None


def test_nothing_can_be_sent_after_the_end(child: LineChild) -> None:
    child.end(10)
    with pytest.raises(BrokenPipeError):
        child.send("hello", 10)


def test_it_goes_by_itself_when_its_input_ends(child: LineChild) -> None:
    child.end(30)
    child.end(30)
    assert child.exit_code == 0
    with pytest.raises(EOFError):
        child.receive(5)


def test_without_grace_it_is_killed(child: LineChild) -> None:
    child.end(0)
    assert child.exit_code == -9


def test_a_living_child_has_a_pid_and_memory(child: LineChild) -> None:
    assert child.pid > 0
    assert child.memory_bytes()
