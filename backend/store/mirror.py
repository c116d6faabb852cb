"""record.json in a run directory: what the store holds about the run, for the day the store is lost."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from backend.domain.ports import RunRecord
from backend.domain.run_directory import RunDirectory
from backend.errors import StudioError
from backend.store.files import replace_text
from backend.store.locking import locked

SCHEMA_VERSION = 1
_PATIENCE_SECONDS = 2.0


def mirror(run_dir: Path, read: Callable[[], RunRecord]) -> None:
    """Rewrite record.json from the store. A failure is logged: the store is the truth, this is its insurance.

    `read` is called while the lock is held, so whoever writes last writes the newest.
    """
    if not run_dir.is_dir():
        return
    try:
        with locked(run_dir / ".record.lock", _PATIENCE_SECONDS):
            replace_text(RunDirectory(run_dir).record, encoded(read()))
    except (OSError, StudioError) as error:
        logging.getLogger(__name__).warning("record.json of %s was not written: %s", run_dir, error)


def encoded(record: RunRecord) -> str:
    """A record as JSON: `schema_version`, `run` (with its attempts) and `journal`."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(record)}, indent=1, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
