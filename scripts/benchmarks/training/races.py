"""One contestant in one fresh process, and what the probe measured in it."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from scripts.benchmarks.training.contestants import Contestant, command
from scripts.benchmarks.training.material import Material

HOOK = Path(__file__).parent / "hook"
ROOT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Lap:
    """What one process did in its measured steps; memory is the peak above what was taken before the first step."""

    contestant: str
    data: str
    tokens: int
    wall_seconds: float
    cpu_seconds: float
    step_cpu_seconds: tuple[float, ...]
    peak_bytes: int
    losses: tuple[float, ...]
    batches: tuple[str, ...]
    optimizer: str
    device: str
    threads: int
    libraries: str

    @property
    def tokens_per_second(self) -> float:
        """By the clock on the wall."""
        return self.tokens / self.wall_seconds

    @property
    def tokens_per_cpu_second(self) -> float:
        """By the time that the processor worked for it; other programs on the machine matter less."""
        return self.tokens / self.cpu_seconds

    def to_json(self) -> dict[str, object]:
        """For the file of raw numbers."""
        return asdict(self)


class LapFailed(Exception):
    """A process ended without numbers; the text says why, as far as its output tells."""


def lap(contestant: Contestant, material: Material, data: str, *, llama_python: str, threads: int) -> Lap:
    """Run it once. Raises LapFailed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        result = folder / "result.json"
        argv = command(contestant, material, data, folder, llama_python)
        environment = surroundings(result, material.size.warm_up, threads, ours=not contestant.is_llama_factory)
        log = folder / "log"
        with log.open("wb") as file:
            done = subprocess.run(
                argv, cwd=ROOT, env=environment, stdout=file, stderr=file, timeout=PATIENCE_SECONDS, check=False
            )
        if not result.is_file():
            raise LapFailed(f"exit code {done.returncode}: {_last_words(log)}")
        return read_lap(contestant, data, result)


def read_lap(contestant: Contestant, data: str, result: Path) -> Lap:
    """What the probe wrote, without the steps that warm up."""
    found = json.loads(result.read_text(encoding="utf-8"))
    marks = found["marks"][found["warm_up"] :]
    first, last = marks[0], marks[-1]
    return Lap(
        contestant=contestant.name,
        data=data,
        tokens=int(last["tokens"] - first["tokens"]),
        wall_seconds=last["wall"] - first["wall"],
        cpu_seconds=last["cpu"] - first["cpu"],
        step_cpu_seconds=tuple(after["cpu"] - before["cpu"] for before, after in pairwise(marks)),
        peak_bytes=found["peak_bytes"] - found["before_bytes"],
        losses=tuple(found["losses"]),
        batches=tuple(found["batches"]),
        optimizer=found["optimizer"],
        device=found["device"],
        threads=found["threads"],
        libraries=found["libraries"],
    )


def surroundings(result: Path, warm_up: int, threads: int, *, ours: bool) -> dict[str, str]:
    """The environment of a contestant: the probe, no network, the same threads. Only ours see our modules."""
    path = [str(HOOK), *([str(ROOT)] if ours else [])]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PEFT_STUDIO_", "OMP_"))}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path),
        "PEFT_STUDIO_BENCH_RESULT": str(result),
        "PEFT_STUDIO_BENCH_WARM_UP": str(warm_up),
        "PEFT_STUDIO_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }


def middle(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-600:]
