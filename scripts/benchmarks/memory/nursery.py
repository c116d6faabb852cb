"""One process that has imported the training stack and forks a program from it for each order: seconds saved each.

A fork is what a cold start would be after its imports, as with the studio's own warm standby. Usage: by the bench
only; orders are lines of JSON on standard input, answers are exit codes, one a line.
"""

import importlib
import json
import os
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from backend.executors.own_memory import joined_heap
from scripts.benchmarks.memory.c_library import started, told_by
from scripts.benchmarks.memory.residence import bring_in, file_ranges

KILLED = 137
TRAINER, FORECAST = "backend.trainer.__main__", "backend.trainer.forecast"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a program reads from and writes to."""

    input: Path
    output: Path
    error: Path


class Nursery:
    """Starts programs. With `with_bitsandbytes` it is imported, which costs those that need none some memory.

    `c_library` is a folder with another C library than the system's. Heaps are kept as those of trainers are.
    """

    def __init__(self, environment: dict[str, str], *, with_bitsandbytes: bool, c_library: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [*started(c_library), "-m", "scripts.benchmarks.memory.nursery", str(int(with_bitsandbytes))],
            env=os.environ | joined_heap(told_by(c_library) if c_library else "") | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Of the process whose children are the programs."""
        return self._process.pid

    def __enter__(self) -> Self:
        """It imports while we go on."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """It ends when nobody can order anything."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, module: str, argv: list[str], places: Places) -> int:
        """Run a module's `main` to its end; the exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = {name: str(getattr(places, name)) for name in ("input", "output", "error")}
        self._process.stdin.write(json.dumps({"module": module, "argv": argv, **told}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline() or KILLED)


def main(with_bitsandbytes: bool) -> int:
    """Import, then fork for each line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from backend.trainer.order import settle_environment  # noqa: PLC0415 - as the trainer does

    settle_environment(os.environ)
    if not with_bitsandbytes:
        sys.modules["bitsandbytes"] = None  # type: ignore[assignment] # Python's way to say: cannot be imported
    from backend.executors.heap import importing_for_good  # noqa: PLC0415

    with importing_for_good():
        importlib.import_module("backend.trainer.training")
    resident = file_ranges()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            bring_in(resident)
            os._exit(_become(json.loads(line)))
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()
    return 0


def _become(order: dict[str, Any]) -> int:
    """The child: another program from here on."""
    for number, name, flags in ((0, "input", os.O_RDONLY), (1, "output", _NEW), (2, "error", _NEW)):
        os.dup2(os.open(order[name], flags, 0o644), number)
    sys.stdin, sys.argv = open(0, encoding="utf-8", closefd=False), [order["module"], *order["argv"]]  # noqa: SIM115
    try:
        module = importlib.import_module(order["module"])
        code: int = module.main(order["argv"]) if order["module"] == TRAINER else module.main()
    except BaseException:  # noqa: BLE001 - the outermost frame of a process
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


_NEW = os.O_WRONLY | os.O_CREAT | os.O_APPEND

if __name__ == "__main__":
    sys.exit(main(sys.argv[1] == "1"))
