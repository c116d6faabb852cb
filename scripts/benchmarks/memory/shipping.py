"""The lines that ship with the studio, written to config/ with where it was measured."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from backend.domain.memory_line import place_of
from config.catalog import memory_lines
from config.yaml_files import dump_yaml
from scripts.benchmarks.memory.judging import DEVICE, kind_of, settled
from scripts.benchmarks.memory.keeping import PACKAGES, ROOT, Found, installed

FILE = ROOT / "config" / "memory_lines.yaml"
HEAD = "# Written by scripts/bench memory --write-config: measured peaks beside traced ones, by device and allocator.\n"


def write_lines(found: Sequence[Found]) -> None:
    """Fit one for each allocator to all runs that were measured and forecast; those of other allocators stay."""
    whole = [one for one in found if one.records and one.trace is not None]
    by_place: dict[str, list[Found]] = {}
    for one in whole:
        by_place.setdefault(place_of(DEVICE, kind_of(one)), []).append(one)
    told = memory_lines() | {place: _told(runs) for place, runs in by_place.items()}
    FILE.write_text(HEAD + dump_yaml(dict(sorted(told.items()))), encoding="utf-8")


def _told(runs: Sequence[Found]) -> dict[str, Any]:
    line = settled(runs)
    packages = ", ".join(f"{name} {version}" for name, version in installed(PACKAGES[:3]).items())
    return {
        "offset_bytes": round(line.offset_bytes),
        "steady": round(line.steady, 4),
        "moving": round(line.moving, 4),
        "copying": round(line.copying, 4),
        "noise": round(line.noise, 4),
        "reach": line.reach,
        "lean": round(line.lean, 4),
        "source": f"{len(runs)} runs measured on {platform.machine()}, {datetime.now(UTC):%Y-%m-%d} ({packages})",
        "effects": {word: [round(size), round(share, 4)] for word, (size, share) in sorted(line.effects.items())},
    }
