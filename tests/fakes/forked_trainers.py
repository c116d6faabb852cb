"""Real trainer processes that cost a tenth of a fresh one: forks of a process that has only imported.

`ForkedTrainers` is the handle for tests; this file run as a program is the process that forks.
"""

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from backend.domain.heartbeat import Phase
from backend.domain.run_directory import RunDirectory

ROOT = Path(__file__).resolve().parents[2]
STACK = ("numpy", "torch", "bitsandbytes", "transformers", "peft", "trl", "datasets", "backend.trainer.training")


class ForkedTrainers:
    """Trains runs, one attempt of one run at a time, each in a process of its own."""

    def __init__(self) -> None:
        environment = os.environ | {"PEFT_STUDIO_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.forked_trainers"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def train(self, run: RunDirectory, *, kill_at: int | None = None, after_seconds: float = 0.0) -> int:
        """One attempt; its return code, negative for a signal.

        With `kill_at` it gets SIGKILL when that step is done and `after_seconds` have passed: in the middle of
        whatever it does then.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"run": str(run.root), "kill_at": kill_at, "after_seconds": after_seconds}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve() -> None:
    """Import the stack once, then fork a trainer for each order."""
    answers = os.fdopen(os.dup(1), "w")
    for name in STACK:
        importlib.import_module(name)
    gc.freeze()
    learned = Path(os.environ.get("TMPDIR", "/tmp")) / f"forked-trainers-{os.getpid()}.json"
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _child(json.loads(line), learned)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        _learn(learned)
        answers.write(f"{code}\n")
        answers.flush()


def _child(order: dict[str, Any], learned: Path) -> None:
    code = 70
    try:
        run = RunDirectory(Path(order["run"]))
        log = os.open(run.log(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if order["kill_at"] is not None:
            _arm(order["kill_at"], order["after_seconds"])
        from backend.trainer.__main__ import main

        code = main([str(run.root)])
        learned.write_text(json.dumps(sorted(sys.modules)))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _learn(learned: Path) -> None:
    """Import what the last trainer imported on its way, so that the next one need not."""
    if not learned.exists():
        return
    names = json.loads(learned.read_text())
    learned.unlink()
    for name in names:
        if name.split(".")[0] in ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "backend", "jinja2") and (
            name not in sys.modules
        ):
            try:
                importlib.import_module(name)
            except Exception:
                continue
    gc.collect()
    gc.freeze()


def _arm(step: int, after_seconds: float) -> None:
    from backend.trainer.heartbeat import HeartbeatWriter

    beat = HeartbeatWriter.beat
    armed: list[threading.Thread] = []

    def die() -> None:
        time.sleep(after_seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    def watched(self: Any, phase: Phase | None = None, **signs: Any) -> None:
        beat(self, phase, **signs)
        if phase is Phase.TRAINING and signs.get("step") == step and not armed:
            if not after_seconds:
                os.kill(os.getpid(), signal.SIGKILL)
            armed.append(threading.Thread(target=die, daemon=True))
            armed[0].start()

    HeartbeatWriter.beat = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    serve()
