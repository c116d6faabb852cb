"""ProcessorEnergy: what the processor's own meter says it has used (Linux powercap, RAPL)."""

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
MICROJOULES = 1e-6


class ProcessorEnergy:
    """Sums the counters of all processor packages; memory and graphics parts have meters of their own, not counted.

    Kernels since 5.10 let only root read them unless the machine's owner changes that; then there is no value.
    Source: kernel documentation, power/powercap/powercap.rst
    """

    def __init__(self, root: Path = POWERCAP) -> None:
        self._packages = tuple(sorted(path for path in _zones(root) if _text(path / "name").startswith("package")))
        self._before: dict[Path, int] = {}

    def joules(self) -> float | None:
        """Used since the previous call, 0 at the first one; None if a package cannot be read."""
        now = {path: _number(path / "energy_uj") for path in self._packages}
        if not now or None in now.values():
            self._before = {}
            return None
        counters = {path: count for path, count in now.items() if count is not None}
        used = sum(_used(path, self._before.get(path, count), count) for path, count in counters.items())
        self._before = counters
        return used * MICROJOULES


def _zones(root: Path) -> list[Path]:
    """Packages are `intel-rapl:N`, also on AMD; their parts have a second colon."""
    return [path for path in root.glob("intel-rapl:*") if path.name.count(":") == 1]


def _used(path: Path, before: int, now: int) -> int:
    """The counter starts again from 0 behind its largest value."""
    return now - before if now >= before else now - before + (_number(path / "max_energy_range_uj") or 0)


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
