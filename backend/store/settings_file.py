"""The settings of runs that were read once, one JSON line each: reading a run.yaml anew costs 30 ms of a processor."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

MOST_BYTES = 100_000_000
Settings = Mapping[str, JsonValue]


class SettingsFile:
    """May be deleted at any time. Several processes add whole lines; a damaged line is one that was never written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Settings]:
        """Settings by key; nothing if there is no file, or one that has grown too large, which goes."""
        try:
            if self._path.stat().st_size > MOST_BYTES:
                self._path.unlink()
                return {}
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return {}
        return dict(kept for line in lines if (kept := _read(line)) is not None)

    def add(self, key: str, settings: Settings) -> None:
        """Keep the settings of one run. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = json.dumps([key, settings], ensure_ascii=True) + "\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, line.encode("ascii"))
        finally:
            os.close(handle)


def _read(line: bytes) -> tuple[str, Settings] | None:
    try:
        key, settings = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    return (key, settings) if isinstance(key, str) and isinstance(settings, dict) else None
