"""The real trainer, with a line of steps.jsonl for its start and for each step: python told_trainer.py RUN_DIR."""

import sys
from pathlib import Path
from typing import Any

from tests.fakes.misbehaving_trainer import tell_step


def main(run_dir: str) -> int:
    from backend.domain.heartbeat import Phase
    from backend.trainer.__main__ import main as train
    from backend.trainer.heartbeat import HeartbeatWriter

    folder = Path(run_dir)
    beat = HeartbeatWriter.beat
    told: set[int] = set()

    def watched(self: Any, phase: Phase | None = None, **signs: Any) -> None:
        beat(self, phase, **signs)
        step = signs.get("step")
        if phase is Phase.TRAINING and step is not None and step not in told:
            told.add(step)
            tell_step(folder, self.last.attempt, step)

    HeartbeatWriter.beat = watched  # type: ignore[method-assign]
    return train([run_dir])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
