"""Reads a run from its directory: from record.json, or from its files if that was lost."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from backend.domain.ports import RunRecord
from backend.domain.run import JournalLine, Run
from backend.domain.run_directory import RunDirectory
from backend.store.errors import RecordUnreadable
from backend.store.files import read_text
from backend.store.mirror import SCHEMA_VERSION
from backend.store.rebuilding import rebuilt

MAX_RECORD_BYTES = 64_000_000


class DirectoryRecords:
    """The RunRecords of real folders."""

    def read(self, folder: Path) -> RunRecord:
        """The run whose folder this is. Raises RecordUnreadable if neither record nor run.yaml tells it."""
        record = decoded(_bounded_text(RunDirectory(folder).record))
        if record is None:
            return rebuilt(folder)
        if record.run.id != folder.name:
            detail = f"Its record belongs to run {record.run.id}; a run's folder has the name of the run."
            raise RecordUnreadable(folder=folder, detail=detail)
        return replace(record, run=replace(record.run, run_dir=folder))


def decoded(text: str | None) -> RunRecord | None:
    """The record in a text, or None for anything that is not exactly one of this version."""
    try:
        document = _reader().validate_json(text or "", strict=True)
    except ValidationError:
        return None
    is_ours = document.schema_version == SCHEMA_VERSION and all(at.tzinfo for at in _times(document))
    return RunRecord(document.run, document.journal) if is_ours else None


@dataclass(frozen=True, slots=True)
class _Document:
    schema_version: int
    run: Run
    journal: tuple[JournalLine, ...]


@cache
def _reader() -> TypeAdapter[_Document]:
    return TypeAdapter(_Document)


def _times(document: _Document) -> list[datetime]:
    attempts = document.run.attempts
    ended = [attempt.ended_at for attempt in attempts if attempt.ended_at]
    started = [attempt.started_at for attempt in attempts]
    run = document.run
    return [run.created_at, run.updated_at, *started, *ended, *(line.at for line in document.journal)]


def _bounded_text(path: Path) -> str | None:
    try:
        is_small = path.stat().st_size <= MAX_RECORD_BYTES
    except OSError:
        return None
    return read_text(path) if is_small else None
