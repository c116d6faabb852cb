"""DatasetVersions: which versions of a dataset runs have used, by fingerprint, and whether it changed since."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

from backend.data.choice import DatasetChoice
from backend.data.loading import fingerprint
from backend.data.parts import open_parts
from backend.data.prepared import part_fingerprint
from backend.data.sources import FileSource
from backend.domain.ports import RunFiles, RunStore
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.errors import StudioError
from backend.services.config_service import ConfigService
from backend.store.files import read_bounded
from config.yaml_files import parse_yaml

MAX_RUNS = 200
MAX_KNOWN = 1_000
MOST_BYTES = 20_000_000  # of a file that another machine may have written
_CHECKPOINT = re.compile(r"checkpoint-(\d{1,12})$")
_CARD = re.compile(r"^\| Dataset fingerprint \| ([0-9a-f]{64}) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RunUse:
    """How a run used a dataset. `fingerprint` is empty where the run has recorded none (yet).

    `is_same` says whether the same order would read the same rows today; None where that cannot be told.
    """

    run_id: str
    name: str
    created_at: datetime
    fingerprint: str
    is_same: bool | None


class DatasetVersions:
    """Reads what runs recorded of their datasets: in their checkpoints, and in the card of their result."""

    def __init__(self, store: RunStore, files: RunFiles, configs: ConfigService) -> None:
        self._store = store
        self._files = files
        self._configs = configs
        self._lock = Lock()
        self._counted: tuple[int, Mapping[str, int]] = (-1, {})
        self._known: dict[tuple[str, int, int, int], str] = {}

    def counts(self) -> Mapping[str, int]:
        """How many runs have each dataset as their first, by its path."""
        version = self._store.version()
        if self._counted[0] != version:
            self._counted = version, Counter(run.dataset for run in self._store.list())
        return self._counted[1]

    def uses(self, path: str, check: Callable[[], None] = lambda: None) -> Sequence[RunUse]:
        """The newest runs on a dataset, up to MAX_RUNS; `check` may raise to end it."""
        found = []
        for run in [run for run in self._store.list() if run.dataset == path][:MAX_RUNS]:
            check()
            found.append(self._use(run))
        return found

    def digest(self, file: FileSource) -> str:
        """SHA-256 of a file's bytes, read again only after it has changed."""
        stat = file.path.stat()
        key = (str(file.path), stat.st_size, stat.st_mtime_ns, stat.st_ino)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = file.fingerprint()
            with self._lock:
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()
                self._known[key] = known
        return known

    def _use(self, run: Run) -> RunUse:
        recorded = recorded_fingerprint(RunDirectory(run.run_dir))
        now = self._today(run) if recorded else None
        return RunUse(run.id, run.name, run.created_at, recorded, None if now is None else now == recorded)

    def _today(self, run: Run) -> str | None:
        """The fingerprint that the run's order would have now; None for what cannot be read here."""
        text = self._files.config_text(run.run_dir)
        try:
            choice = self._configs.parse(parse_yaml(text or "")).dataset
            return self._of_choice(choice, run.run_dir)
        except (StudioError, OSError, ValueError, TypeError):
            return None

    def _of_choice(self, choice: DatasetChoice, base: Path) -> str:
        opened = open_parts(choice, base, may_fetch=False)
        marks = [part_fingerprint([self._digest(source) for source in each.sources]) for each in opened]
        second = marks.pop() if opened[-1].is_validation else None
        return fingerprint(marks, choice.parts, second)

    def _digest(self, source: object) -> str:
        assert isinstance(source, FileSource), "without may_fetch there are only files"
        return self.digest(source)


def recorded_fingerprint(run: RunDirectory) -> str:
    """What a run has written of its dataset: its newest checkpoint's record, else its result's card, else nothing."""
    folders = [(int(found[1]), path) for path in _folders(run.checkpoints) if (found := _CHECKPOINT.search(path.name))]
    for _, folder in sorted(folders, reverse=True):
        try:
            told = json.loads(read_bounded(folder / "progress.json", MOST_BYTES))["dataset"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(told, str):
            return told
    for card in (run.adapter / "README.md", run.model / "README.md"):
        try:
            found = _CARD.search(read_bounded(card, MOST_BYTES))
        except (OSError, ValueError):
            continue
        if found:
            return found[1]
    return ""


def _folders(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
