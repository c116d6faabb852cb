"""Real trainer processes that cost a tenth of a fresh one: forks of a process that has only imported.

`ForkedTrainers` is the handle for tests; this file run as a program is the process that forks.
"""

import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.domain.heartbeat import Phase
from backend.domain.run_directory import RunDirectory
from backend.executors.lock_file import is_held
from tests.untraced import untraced

PATIENCE_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[2]
STACK = ("numpy", "torch", "bitsandbytes", "transformers", "peft", "trl", "datasets", "backend.trainer.training")


class ForkedTrainers:
    """Trains runs, one attempt of one run at a time, each in a process of its own.

    Coverage is not measured there: what is forked ends at once, and could not tell.
    """

    def __init__(self) -> None:
        environment = untraced(os.environ) | {
            "PEFT_STUDIO_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.forked_trainers"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def train(
        self,
        run: RunDirectory,
        *,
        kill_at: int | None = None,
        after_seconds: float = 0.0,
        processes: int = 1,
        kill_rank: int = 0,
        stop_at: int | None = None,
    ) -> int:
        """One attempt; its return code, negative for a signal; of several processes that of the first to fail.

        With `kill_at` it (of several processes one) gets SIGKILL when that step is done and `after_seconds` have
        passed: in the middle of whatever it does then. With `stop_at` several processes are asked to stop.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {
            "run": str(run.root),
            "kill_at": kill_at,
            "after_seconds": after_seconds,
            "processes": processes,
            "kill_rank": kill_rank,
            "stop_at": stop_at,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while is_held(run.trainer_lock):
            assert time.monotonic() < deadline, "something of the trainer outlived it"
            time.sleep(0.001)
        return code

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve() -> None:
    """Import the stack once, then fork a trainer for each order."""
    answers = os.fdopen(os.dup(1), "w")
    for name in STACK:
        importlib.import_module(name)
    loading: Any = sys.modules["torch.utils.data._utils.worker"]
    loading.MP_STATUS_CHECK_INTERVAL = 3600.0  # a worker ends with its trainer in our own way, not by looking for it
    gc.freeze()
    learned = Path(os.environ.get("TMPDIR", "/tmp")) / f"forked-trainers-{os.getpid()}.json"
    for line in sys.stdin:
        code = _attempt(json.loads(line), learned)
        _learn(learned)
        answers.write(f"{code}\n")
        answers.flush()


def _attempt(order: dict[str, Any], learned: Path) -> int:
    """Like the launcher: when one process fails, the others are ended."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    living, ended = set(), set()
    for rank in range(order["processes"]):
        pid = os.fork()
        if pid == 0:
            _child(order, learned, rank, port)
        living.add(pid)
    worst = 0
    while living:
        pid, status = os.wait()
        living.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        if code and (not worst or (code < 0 and pid not in ended)):
            worst = code  # one that was killed ended first, whoever is seen first: without it the others fail
        for other in living - ended if code else ():
            os.kill(other, signal.SIGKILL)
            ended.add(other)
    return worst


def _become_rank(run: RunDirectory, rank: int, count: int, port: int) -> None:
    """What accelerate's launcher says in the environment."""
    from backend.trainer.launch import go_file

    go_file(run).touch()
    os.environ |= {
        "PEFT_STUDIO_PROCESSES": str(count),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }


def _child(order: dict[str, Any], learned: Path, rank: int, port: int) -> None:
    code = 70
    try:
        run = RunDirectory(Path(order["run"]))
        log = os.open(run.log(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if order["kill_at"] is not None and order["kill_rank"] == rank:
            _arm(order["kill_at"], order["after_seconds"])
        from backend.trainer.__main__ import main

        if order["processes"] > 1:
            from backend.trainer.launch import go_file
            from backend.trainer.rank import main

            _become_rank(run, rank, order["processes"], port)
            if order["stop_at"] is not None and rank == 0:
                _at_step(order["stop_at"], lambda: go_file(run).unlink())
        code = main([str(run.root)])
        part = learned.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(sorted(sys.modules)))
        part.replace(learned)  # the thread that kills may still come
    except BaseException:  # noqa: BLE001 - a child has nobody above it
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
        if name.split(".")[0] in (
            "torch",
            "transformers",
            "peft",
            "trl",
            "accelerate",
            "datasets",
            "backend",
            "jinja2",
        ) and (name not in sys.modules):
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001, S112 - some modules are for other machines
                continue
    gc.collect()
    gc.freeze()


def _arm(step: int, after_seconds: float) -> None:
    def die() -> None:
        time.sleep(after_seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    _at_step(step, threading.Thread(target=die, daemon=True).start if after_seconds else die)


def _at_step(step: int, action: Callable[[], object]) -> None:
    """Do something when a step is done."""
    from backend.trainer.heartbeat import HeartbeatWriter

    beat = HeartbeatWriter.beat
    done: list[int] = []

    def watched(self: Any, phase: Phase | None = None, **signs: Any) -> None:
        beat(self, phase, **signs)
        if phase is Phase.TRAINING and signs.get("step") == step and not done:
            done.append(step)
            action()

    HeartbeatWriter.beat = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    serve()
