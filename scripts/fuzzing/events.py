"""atheris on the readers of event files: any bytes, guided by the lines that they reach.

Usage: scripts/fuzz events [--seconds N] [--corpus FOLDER]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["backend"]):
    from backend.event_files.records import EventRecordUnreadable, read_record
    from scripts.fuzzing.properties import check

from scripts.fuzzing.inputs import MAX_BYTES, input_of
from scripts.fuzzing.seeds import write_seeds

_SECONDS_PER_INPUT = 20  # a hang, on a busy machine
_SLICE_SECONDS = 900  # tracing takes megabytes more each second
_MEMORY_BYTES = 8 * 1024**3  # of addresses: who takes a claimed size for real gets a MemoryError


def main() -> None:
    """Fuzz until the time is over; an input that breaks something is kept in FOLDER/findings, and ends the run."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz events", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "peft-studio-fuzz-events")
    asked = parser.parse_args()
    if asked.seconds > _SLICE_SECONDS:
        sys.exit(in_slices(asked.seconds, asked.corpus))
    write_seeds(asked.corpus / "seeds")
    for name in ("found", "findings"):
        (asked.corpus / name).mkdir(exist_ok=True)
    options = [
        f"-max_total_time={asked.seconds}",
        f"-timeout={_SECONDS_PER_INPUT}",
        "-rss_limit_mb=0",  # tracing itself grows
        "-report_slow_units=30",
        f"-max_len={MAX_BYTES // 16}",
        f"-artifact_prefix={asked.corpus / 'findings'}/",
        "-print_final_stats=1",
    ]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        atheris.Setup(
            [sys.argv[0], *options, str(asked.corpus / "found"), str(asked.corpus / "seeds")],
            lambda some: one_input(some, Path(folder)),
        )
        atheris.Fuzz()


def in_slices(seconds: int, corpus: Path) -> int:
    """One process after the other, each with what was found before; the exit code of the first that found a fault."""
    for begin in range(0, seconds, _SLICE_SECONDS):
        told = ["--seconds", str(min(_SLICE_SECONDS, seconds - begin)), "--corpus", str(corpus)]
        code = subprocess.run([sys.executable, "-m", "scripts.fuzzing.events", *told], check=False).returncode
        if code:
            return code
    return 0


def one_input(some: bytes, folder: Path) -> None:
    """What atheris calls."""
    curves = check(input_of(some), folder)
    for tag, other in curves.others.items():
        for place in other.places[:3]:
            try:
                read_record(folder, tag, other.kind, place)
            except EventRecordUnreadable:
                continue


def _memory() -> str | None:
    """A place for files that is no disk, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a private folder is made in it


if __name__ == "__main__":
    main()
