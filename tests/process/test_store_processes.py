"""Several real processes on one store: one winner, no race at the first start, nothing lost by a kill."""

import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from backend.domain.states import RunState
from backend.store.records import DirectoryRecords
from backend.store.sql_store import SqlRunStore
from tests.fakes.clock import FakeClock
from tests.fakes.runs import a_run

pytestmark = pytest.mark.process

NUM_PROCESSES = 6
NUM_KILLS = 10


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "studio.db"


def program(name: str, file: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.process.store_programs", name, f"sqlite:///{file}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def all_at_once(name: str, file: Path) -> list[str]:
    """What each of several processes said that started the same thing at the same moment."""
    start = file.with_name("start")
    running = [program(name, file, str(start), str(number)) for number in range(NUM_PROCESSES)]
    start.touch()
    said = [process.communicate(timeout=300)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0] * NUM_PROCESSES
    return said


def integrity(file: Path) -> str:
    connection = sqlite3.connect(file)
    found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    return str(found)


def test_many_first_starts_make_one_store(file: Path) -> None:
    assert all_at_once("first", file) == ["0"] * NUM_PROCESSES
    assert integrity(file) == "ok"


def test_many_supervisors_claim_one_after_another(file: Path) -> None:
    store = SqlRunStore(f"sqlite:///{file}", FakeClock())
    store.create(a_run())
    assert sorted(all_at_once("claim", file)) == [str(number + 1) for number in range(NUM_PROCESSES)]
    assert store.get("a-run").fence == NUM_PROCESSES
    store.close()


def test_of_many_that_apply_the_same_transition_exactly_one_wins(file: Path) -> None:
    store = SqlRunStore(f"sqlite:///{file}", FakeClock())
    store.create(a_run(fence=1))
    said = Counter(all_at_once("apply", file))
    assert said == {"won": 1, "stale-transition": NUM_PROCESSES - 1}
    run = store.get("a-run")
    assert (run.state, len(run.attempts), len(store.journal("a-run"))) == (RunState.STARTING, 1, 1)
    store.close()


def test_killing_the_writer_again_and_again_loses_no_acknowledged_commit(file: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "a-run"
    run_dir.mkdir()
    store = SqlRunStore(f"sqlite:///{file}", FakeClock())
    store.create(a_run(run_dir=run_dir))
    acknowledged = -1
    for kill in range(NUM_KILLS):
        writer = program("write", file, "-")
        assert writer.stdout is not None
        for _ in range(3 + kill):
            acknowledged = int(writer.stdout.readline())
        writer.kill()
        rest = writer.stdout.read().split()
        writer.wait(60)
        acknowledged = max([acknowledged, *(int(line) for line in rest if line.isdigit())])
        lines = [line.reason for line in store.journal("a-run")]
        assert lines == [f"line {number}" for number in range(len(lines))]
        assert acknowledged < len(lines) <= acknowledged + 2, "only the last write may be unacknowledged"
        assert DirectoryRecords().read(run_dir).run.id == "a-run", "the record is never torn"
    store.close()
    assert integrity(file) == "ok"
