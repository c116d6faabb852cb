"""A program that is killed while it keeps curves leaves nothing that is taken for curves."""

import os
import signal
import subprocess
import sys
import time
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
WRITER = """
import sys
from itertools import count
from pathlib import Path
from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.identity import identify
from backend.probes.clock import SystemClock

run, kept = Path(sys.argv[1]), Path(sys.argv[2])
curves, identity, cache = EventFolder(run).read(), identify(run), CurveCache(kept, SystemClock())
for number in count():
    assert cache.store(run, identity, curves)
    if not number:
        print("writing", flush=True)
"""


def _killed_after(seconds: float, run: Path, kept: Path) -> None:
    argv = [sys.executable, "-c", WRITER, str(run), str(kept)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=dict(os.environ)) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)
        assert writer.wait(60) == -signal.SIGKILL


def test_no_kill_leaves_anything_half_written_that_is_read(tmp_path: Path) -> None:
    run, kept = tmp_path / "run", tmp_path / "cache"
    steps = 20_000
    write(run, "1", [version(), *(scalar(step, float(step), "loss") for step in range(steps))])
    read = EventFolder(run).read()
    num_half = 0
    for number in range(NUM_KILLS):
        _killed_after(0.1 * number / NUM_KILLS, run, kept)
        found = CurveCache(kept, SystemClock()).load(run, identify(run))
        assert found is not None
        assert differences(read, found) == []
        num_half = len(list(kept.glob("*.tmp")))
    assert num_half > 0, "no kill came while a file was being written"
    assert len(list(kept.glob("*.arrow"))) == 1
