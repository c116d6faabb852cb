"""What a dead trainer left half-written or half-deleted."""

import shutil
from contextlib import suppress
from pathlib import Path

from backend.store.checkpoints import STAGING

DELETING = ".deleting-"


def sweep(parent: Path) -> None:
    """Remove them; only while no trainer of the run is alive."""
    for prefix in (STAGING, DELETING):
        for leftover in parent.glob(f"{prefix}*"):
            shutil.rmtree(leftover, ignore_errors=True)
    for heartbeat in parent.glob(".heartbeat.*.tmp"):
        with suppress(OSError):
            heartbeat.unlink(missing_ok=True)
