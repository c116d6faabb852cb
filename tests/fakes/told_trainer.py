"""The real trainer, with a line of steps.jsonl for each step: python told_trainer.py RUN_DIR.

With `--standby RUN_DIR` it is the real standby, and then the same.
"""

import sys
from pathlib import Path
from typing import Any

from tests.fakes.misbehaving_trainer import tell_step


def main(*words: str) -> int:
    from backend.domain.heartbeat import Phase
    from backend.trainer import __main__, standby
    from backend.trainer.heartbeat import HeartbeatWriter

    folder = Path(words[-1])
    beat = HeartbeatWriter.beat
    told: set[int] = set()

    def watched(self: Any, phase: Phase | None = None, **signs: Any) -> None:
        beat(self, phase, **signs)
        step = signs.get("step")
        if phase is Phase.TRAINING and step is not None and step not in told:
            told.add(step)
            tell_step(folder, self.last.attempt, step)

    HeartbeatWriter.beat = watched  # type: ignore[method-assign]
    return standby.main(words[1:]) if words[0] == "--standby" else __main__.main(words)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
