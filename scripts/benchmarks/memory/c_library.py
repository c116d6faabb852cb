"""Programs of this Python with another C library than the system's: how a newer one keeps memory, seen here and now.

A folder holds what a distribution's package of it holds, unpacked: `dpkg-deb -x libc6_2.41-12_amd64.deb FOLDER`.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

LOADERS = "ld-linux*.so.*"
_TELL = "from backend.executors.own_memory import c_library; print(c_library())"


def started(folder: Path | None) -> list[str]:
    """The first words of a command that starts this Python. Raises FileNotFoundError for a folder without a loader."""
    if folder is None:
        return [sys.executable]
    loader = next((file for file in sorted(folder.rglob(LOADERS)) if not file.is_symlink()), None)
    if loader is None:
        message = f"{folder} has no {LOADERS}: unpack a package of a C library there."
        raise FileNotFoundError(message)
    places = f"{loader.parent.resolve()}:{sysconfig.get_config_var('LIBDIR')}"
    interpreter = str(Path(sys.executable).resolve())
    return [str(loader.resolve()), "--library-path", places, "--argv0", sys.executable, interpreter]


def told_by(folder: Path) -> str:
    """Name and version, as a program says that runs with it."""
    done = subprocess.run([*started(folder), "-c", _TELL], capture_output=True, text=True, check=True)
    return done.stdout.strip()
