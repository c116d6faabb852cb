"""EngineRestart: whether this dashboard was started again after an unexpected end, and why."""

import json
import os
from pathlib import Path
from typing import Any

from backend.store.files import read_text

WORDS = "The dashboard stopped unexpectedly and was started again; runs went on by themselves."


class EngineRestart:
    """Reads what the launcher wrote into engine_state.json, as far as it speaks of this very process."""

    def __init__(self, status_file: Path, pid: int | None = None) -> None:
        self._path = status_file
        self._pid = os.getpid() if pid is None else pid

    def sentence(self) -> str:
        """What happened and why; "" if this process is the first of its launcher, or has none."""
        facts = self._facts()
        restart = facts.get("restart")
        if facts.get("pid") != self._pid or not isinstance(restart, dict):
            return ""
        return f"{WORDS} {restart.get('reason') or ''}".rstrip()

    def _facts(self) -> dict[str, Any]:
        try:
            found = json.loads(read_text(self._path) or "")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
