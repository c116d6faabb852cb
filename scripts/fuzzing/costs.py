"""What hostile files cost, measured in a process of its own: prints CPU seconds and growth of memory as JSON.

Usage: python -m scripts.fuzzing.costs FOLDER BYTES [KIND ...]
"""

import gc
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from backend.event_files.folder import EventFolder
from backend.event_files.preview import preview
from backend.event_files.tail import TailReader
from scripts.benchmarks.events.measuring import measured
from scripts.fuzzing.hostile import HOSTILE
from scripts.fuzzing.properties import NAME

WAYS: dict[str, Callable[[Path], object]] = {
    "whole": lambda folder: EventFolder(folder).read(),
    "last points": lambda folder: TailReader().of_folder(folder),
    "preview": preview,
}


def main(folder: Path, num_bytes: int, kinds: list[str]) -> None:
    """One file after another, by all readers."""
    for way in WAYS.values():  # what they import is not theirs to answer for
        way(folder)
    for kind in kinds or HOSTILE:
        path = folder / NAME
        path.write_bytes(HOSTILE[kind](num_bytes))
        size = path.stat().st_size
        for name, way in WAYS.items():
            gc.collect()
            result, cost = measured(partial(way, folder))
            del result
            row = {"kind": kind, "way": name, "size": size, "cpu": cost.cpu_seconds, "grown": cost.grown_bytes}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
