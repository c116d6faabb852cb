"""Plays a supervisor with its trainer: `python -m scripts.benchmarks.ui.live_run RUN_DIR`, until it is ended.

It holds both locks and writes the heartbeat and a real event file as a trainer does. Nothing is trained, so that
the dashboard is measured and not the trainer's hunger for the processor.
"""

import os
import random
import sys
import time
from pathlib import Path

from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run_directory import RunDirectory
from backend.executors.lock_file import hold
from backend.store.files import replace_text
from backend.trainer.curves import EventFile
from scripts.benchmarks.ui.material import LIVE_STEPS, loss

STEP_SECONDS = 0.5


def main(run_dir: str) -> None:
    """A step twice a second."""
    folder = RunDirectory(Path(run_dir))
    if hold(folder.supervisor_lock) is None or hold(folder.trainer_lock) is None:
        raise SystemExit("somebody works on this run already")
    chance = random.Random(0)  # noqa: S311 - sample data
    file = EventFile(folder.tensorboard, first_step=0)
    for step in range(1, LIVE_STEPS + 1):
        file.add(step, loss(step, chance))
        beat = Heartbeat(
            "token", 1, os.getpid(), Phase.TRAINING, step, LIVE_STEPS, time.time(), seconds_per_step=STEP_SECONDS
        )
        replace_text(folder.heartbeat, beat.to_json())
        with folder.log(1).open("a", encoding="utf-8") as log:
            log.write(f"step {step}\n")
        time.sleep(STEP_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
