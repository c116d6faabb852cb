"""The line that ships with the studio, written to config/ with where it was measured."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from config.yaml_files import dump_yaml
from scripts.benchmarks.memory.judging import DEVICE, settled
from scripts.benchmarks.memory.keeping import PACKAGES, ROOT, Found, installed

FILE = ROOT / "config" / "memory_lines.yaml"
HEAD = "# Written by scripts/bench memory --write-config: how measured peaks lie beside traced ones, by device.\n"


def write_line(found: Sequence[Found]) -> None:
    """Fit it to all runs that were measured and forecast; other devices in the file stay as they are."""
    whole = [one for one in found if one.records and one.trace is not None]
    line = settled(whole)
    packages = ", ".join(f"{name} {version}" for name, version in installed(PACKAGES[:3]).items())
    source = f"{len(whole)} runs measured on {platform.machine()}, {datetime.now(UTC):%Y-%m-%d} ({packages})"
    told = {
        "offset_bytes": round(line.offset_bytes),
        "steady": round(line.steady, 4),
        "moving": round(line.moving, 4),
        "noise": round(line.noise, 4),
        "reach": line.reach,
        "lean": round(line.lean, 4),
        "source": source,
        "effects": {word: [round(size), round(share, 4)] for word, (size, share) in sorted(line.effects.items())},
    }
    FILE.write_text(HEAD + dump_yaml({DEVICE: told}), encoding="utf-8")
