"""Diagnostics: an archive of what a person needs to know who is to help, without the secrets of who asks."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.domain.clock import Clock
from backend.domain.diagnostic_parts import LARGEST_PART_BYTES, Part, archive, bounded
from backend.domain.redaction import Redactor
from backend.domain.run import JournalLine
from backend.domain.run_view import RunView
from backend.domain.surroundings import Surroundings
from backend.errors import StorageError, StudioError
from backend.services.dependencies import DependencyService
from backend.services.error_handler import ErrorHandler
from backend.services.hardware import HardwareService
from backend.services.settings_service import SettingsService
from backend.services.startup import StartupService
from backend.services.status_manager import StatusManager
from backend.store.files import replace_bytes
from backend.store.log_files import tail

MOST_RUNS = 5
PRIVATE = 0o600
NAME = "peft-studio-diagnostics.zip"


class DiagnosticsNotWritten(StorageError):
    """The archive could not be written."""

    id = "diagnostics-not-written"
    what = "The diagnostics were not written to {path}."
    why = "The system says: {reason}."
    fix = "Name a file in a folder that exists and that you may write to, on a disk with room."


@dataclass(frozen=True, slots=True)
class Sources:
    """Who is asked."""

    dependencies: DependencyService
    surroundings: Surroundings
    hardware: HardwareService
    settings: SettingsService
    status: StatusManager
    errors: ErrorHandler
    startup: StartupService


class Diagnostics:
    """Reads, and writes nothing but the archive; a source that fails is told in its place."""

    def __init__(self, sources: Sources, logs: Path, clock: Clock, redactor: Callable[[], Redactor]) -> None:
        """`redactor` is asked each time: what is a secret may have changed."""
        self._sources = sources
        self._logs = logs
        self._clock = clock
        self._redactor = redactor

    def parts(self) -> tuple[Part, ...]:
        """What the archive would hold now."""
        hide = self._redactor()
        return bounded([*self._parts(hide)])

    def make(self) -> bytes:
        """The archive, a zip file of a few megabytes at most."""
        return archive(self.parts(), self._clock.now())

    def write(self, path: Path) -> tuple[Part, ...]:
        """Put it there, readable by its owner alone, and whole or not at all. Raises DiagnosticsNotWritten."""
        parts = self.parts()
        try:
            replace_bytes(path, archive(parts, self._clock.now()), PRIVATE)
        except OSError as error:
            raise DiagnosticsNotWritten(path=path, reason=error.strerror or type(error).__name__) from error
        return parts

    def _parts(self, hide: Redactor) -> Iterator[Part]:
        told: Mapping[str, tuple[str, Callable[[], Any]]] = {
            "dependencies.json": ("what the doctor found", lambda: asdict(self._sources.dependencies.check_all())),
            "versions.json": ("every installed package with its version and origin", self._versions),
            "hardware.json": ("processor, memory, disk and GPUs", lambda: asdict(self._sources.hardware.snapshot())),
            "settings.json": ("the settings and where each comes from", self._settings),
            "errors.json": ("errors of this program that have not passed", self._errors),
            "startup.json": (
                "how long the start of this program took",
                lambda: self._sources.startup.status().to_json(),
            ),
        }
        for name, (about, ask) in told.items():
            yield Part(name, about, _json(hide, _answer(ask)))
        yield from self._runs(hide)
        yield from self._own_logs(hide)

    def _versions(self) -> list[dict[str, str | None]]:
        found = self._sources.surroundings.distributions()
        return [{"name": each.name, "version": each.version, "origin": each.origin} for each in found]

    def _settings(self) -> list[dict[str, object]]:
        states = self._sources.settings.sources()
        return [{"key": each.key, each.key: each.value, "source": str(each.source)} for each in states]

    def _errors(self) -> list[dict[str, object]]:
        return [asdict(each) for each in self._sources.errors.open_incidents()]

    def _runs(self, hide: Redactor) -> Iterator[Part]:
        """The newest, by number: their names may be private."""
        views = _answer(lambda: self._sources.status.list()[:MOST_RUNS])
        for number, view in enumerate(views if isinstance(views, tuple) else (), start=1):
            yield Part(f"runs/{number}/run.json", "a run", _json(hide, _answer(view.to_json)))
            yield Part(f"runs/{number}/journal.txt", "its journal", hide.text(self._journal(view)))
            yield Part(f"runs/{number}/log.txt", "the end of its latest log", hide.text(self._log(view)))

    def _journal(self, view: RunView) -> str:
        lines = _answer(lambda: [_line(each) for each in self._sources.status.journal(view.run.id)])
        return "\n".join(lines) if isinstance(lines, list) else str(lines)

    def _log(self, view: RunView) -> str:
        return str(_answer(lambda: self._sources.status.log(view.run.id, max_bytes=LARGEST_PART_BYTES)))

    def _own_logs(self, hide: Redactor) -> Iterator[Part]:
        """The ends of the workspace's own logs, links left out."""
        for path in sorted(self._logs.glob("*.log")):
            if path.is_file() and not path.is_symlink():
                with suppress(OSError):
                    text = tail(path, LARGEST_PART_BYTES).decode(errors="replace")
                    yield Part(f"logs/{hide.text(path.name)}", "the end of a log", hide.text(text))


def _line(line: JournalLine) -> str:
    attempt = f" (attempt {line.attempt})" if line.attempt else ""
    return f"{line.at.isoformat()} {line.source} -> {line.target}{attempt}: {line.reason}"


def _json(hide: Redactor, value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(hide.value(value), ensure_ascii=False, indent=1)


def _answer(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - any JSON value
    """What it says; an error that we know is told as its sentence."""
    try:
        return ask()
    except StudioError as error:
        return {"error": error.explain().sentence()}
    except OSError as error:
        return {"error": str(error)}
