"""A program for a pid namespace of its own: kills a run's processes and gives their pids to somebody innocent.

Usage: python -m scripts.benchmarks.faults.pid_reuse FOLDER. Prints what the run says in the end.
"""

import subprocess
import sys
from functools import partial
from pathlib import Path

from backend.domain.run import ProcessIdentity
from backend.executors import process_table
from scripts.benchmarks.faults.scene import Scene
from scripts.benchmarks.faults.trial import Trial
from tests.fakes.forked_programs import Forks
from tests.process.lab import wait_until

_TRIES = 50


def _is_gone(victim: ProcessIdentity) -> bool:
    return process_table.find(victim) is None


def main(folder: Path) -> None:
    """Raises AssertionError if anything went wrong."""
    forks = Forks("misbehaving")
    scene = Scene(folder, forks, Trial("pid-reuse"))
    innocents: list[subprocess.Popen[bytes]] = []
    try:
        lab = scene.lab()
        lab.start(total_steps=20, save_every=5, attempts={"1": {"pause_at_step": 7}})
        lab.wait_for_step(7)
        trainer, supervisor = lab.trainer(), lab.supervisor()
        assert trainer is not None
        assert supervisor is not None
        scene.kill(supervisor, trainer)
        for victim in (trainer, supervisor):
            wait_until(partial(_is_gone, victim), "the pid is free")
            innocents.append(take_pid(victim))
        assert lab.manager.reconcile().started == ("a-run",)
        run = scene.finish(lab)
        assert len(run.attempts) == 2, lab.story()  # noqa: PLR2004 - killed once
        assert all(innocent.poll() is None for innocent in innocents), "somebody innocent was signalled"
        print(f"attempt 1 ended: {run.attempts[0].reason}; attempt 2 starts, resumed from step 5")
    finally:
        for innocent in innocents:
            innocent.kill()
        scene.close()
        forks.close()


def take_pid(former: ProcessIdentity) -> "subprocess.Popen[bytes]":
    """A program with the pid of one that is gone."""
    for _ in range(_TRIES):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(former.pid - 1), encoding="ascii")
        innocent = subprocess.Popen(["sleep", "600"])  # noqa: S607
        if innocent.pid == former.pid:
            return innocent
        innocent.kill()
        innocent.wait()
    raise AssertionError(f"pid {former.pid} could not be had")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
