"""A program that is killed while it keeps curves leaves nothing that is taken for curves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.identity import identify
from backend.probes.clock import SystemClock
from tests.fakes.curves import differences
from tests.fakes.event_bytes import scalar, version, write

pytestmark = pytest.mark.process

NUM_KILLS = 12
WRITERS = """
import os, sys
from itertools import count
from pathlib import Path
from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.identity import identify
from backend.probes.clock import SystemClock

run, kept = Path(sys.argv[1]), Path(sys.argv[2])
curves, identity, cache = EventFolder(run).read(), identify(run), CurveCache(kept, SystemClock())
for line in sys.stdin:
    writer = os.fork()
    if not writer:
        for number in count():
            assert cache.store(run, identity, curves)
            if not number:
                print(os.getpid(), flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]), flush=True)
"""


@contextmanager
def writers(run: Path, kept: Path) -> Iterator["subprocess.Popen[str]"]:
    """A program that begins to write, in a process of its own, for each line it is told."""
    argv = [sys.executable, "-c", WRITERS, str(run), str(kept)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        yield program


def _kill_after(seconds: float, program: "subprocess.Popen[str]") -> None:
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write("begin\n")
    program.stdin.flush()
    pid = int(program.stdout.readline())
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    assert int(program.stdout.readline()) == -signal.SIGKILL


def test_no_kill_leaves_anything_half_written_that_is_read(tmp_path: Path) -> None:
    run, kept = tmp_path / "run", tmp_path / "cache"
    steps = 20_000
    write(run, "1", [version(), *(scalar(step, float(step), "loss") for step in range(steps))])
    read = EventFolder(run).read()
    num_half = 0
    with writers(run, kept) as program:
        for number in range(NUM_KILLS):
            _kill_after(0.1 * number / NUM_KILLS, program)
            found = CurveCache(kept, SystemClock()).load(run, identify(run))
            assert found is not None
            assert differences(read, found) == []
            num_half = max(num_half, len(list(kept.glob("*.tmp"))))
    assert num_half > 0, "no kill came while a file was being written"
    assert len(list(kept.glob("*.arrow"))) == 1
