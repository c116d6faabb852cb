"""Which versions of packages are installed, told by the names of their folders: reading metadata takes far longer."""

import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

# https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-dist-info-directory
_FOLDER = re.compile(r"^(?P<name>.+?)-(?P<version>[^-]+)\.(dist|egg)-info$")


def installed_folders(names: frozenset[str], places: Sequence[str] | None = None) -> str:
    """Such as "peft-0.19.1.dist-info torch-2.13.0.dist-info"; changes when one of the packages does."""
    found: list[str] = []
    for place in sys.path if places is None else places:
        try:
            found += _in_place(names, place, Path(place).stat().st_mtime_ns)
        except OSError:
            continue
    return " ".join(sorted(found))


@lru_cache(maxsize=64)
def _in_place(names: frozenset[str], place: str, changed_at: int) -> tuple[str, ...]:  # noqa: ARG001 - part of the key
    entries = (path.name for path in Path(place).iterdir())
    return tuple(name for name in entries if (match := _FOLDER.match(name)) and match["name"].lower() in names)
