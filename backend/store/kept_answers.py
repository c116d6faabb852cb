"""Answers of slow programs on the disk: one small JSON file each, named by what the answer depends on."""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_BYTES = 1_000_000  # of one answer
PRUNED_SHARE = 0.9


class KeptAnswers:
    """May be deleted at any time, and is used by several processes at once. Of more than `most` the oldest go.

    A file that cannot be read is an answer that was never kept; one that cannot be written is not kept.
    """

    def __init__(self, folder: Path, most: int = 2_000) -> None:
        self._folder = folder
        self._most = most

    def get(self, name: str) -> Mapping[str, Any] | None:
        """What was kept under a name, None if nothing was."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                kept = json.loads(file.read(MOST_BYTES))
            if not isinstance(kept, dict) or kept.get("name") != name:
                return None
            answer = kept["answer"]
        except (OSError, ValueError, KeyError, RecursionError):
            return None
        return answer if isinstance(answer, dict) else None

    def put(self, name: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer, instead of an older one of that name. Not durable: a power failure may take it along."""
        path = self._path(name)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"name": name, "answer": answer}), encoding="utf-8")
            temporary.replace(path)
            self._prune()
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:40]}.json"

    def _prune(self) -> None:
        with os.scandir(self._folder) as entries:
            files = [entry.path for entry in entries if entry.name.endswith(".json")]
        if len(files) <= self._most:
            return
        oldest = sorted(files, key=_changed_at)
        for path in oldest[: len(files) - int(self._most * PRUNED_SHARE)]:
            with suppress(OSError):
                Path(path).unlink()


def _changed_at(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0
