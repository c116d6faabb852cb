"""Exports: turning the result of a run into files that other programs load, in a program of its own."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backend.domain.chat_sides import Subject
from backend.domain.export_errors import (
    ExporterUnknown,
    ExportNameTaken,
    ExportNotFound,
    ExportRefused,
)
from backend.domain.exports import EXPORT_NAME, LOCK, MOST_RECORD_BYTES, RECORD, Export, ExportOrder, ExportRecord
from backend.domain.line_program import LineProgram
from backend.domain.ports import Clock, RunStore
from backend.domain.run_config import BaseModelChoice, RunConfig
from backend.domain.run_directory import RunDirectory
from backend.exporters import AnyExporter, Exporter
from backend.methods import WholeMethod
from backend.services.config_service import ConfigService, problems_of
from backend.services.jobs import Job, Jobs
from backend.services.library_errors import NotDeleted
from backend.services.one_question import OneQuestion, ProgramUnanswered, Say, silent
from backend.services.own_presets import suggested_name
from backend.services.playground import Playground
from backend.spec import members
from backend.store import trash
from backend.store.leftovers import sweep

KEY = "export"
Hold = Callable[[Path], AbstractContextManager[bool]]


class NotExported(ProgramUnanswered):
    """The export program gave no result; says what it said, with its id."""

    id = "not-exported"
    what = "The run was not exported; nothing half-written was left."
    why = "The export program {ending}. The last line of its log: {last_words}"
    fix = "Look into logs/export.log in the workspace. Code -9 usually means that the memory was not enough."


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of export for a run; `refusal` says why it is not possible, else it is ""."""

    kind: type[Exporter]
    refusal: str = ""

    @property
    def name(self) -> str:
        """Of the exporter."""
        return self.kind.spec_name()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where things lie: the trash, and folders that no exported text may name."""

    trash: Path
    private: tuple[Path, ...] = ()


class Exports:
    """Thread-safe. One export at a time is at work here; others wait. `hold` takes a lock file while a block runs."""

    def __init__(
        self,
        store: RunStore,
        configs: ConfigService,
        playground: Playground,
        program: LineProgram,
        clock: Clock,
        surroundings: Surroundings,
        hold: Hold,
        *,
        is_hub_offline: bool = False,
    ) -> None:
        self._store = store
        self._configs = configs
        self._playground = playground
        self._question = OneQuestion(program, clock, NotExported, patience_seconds=math.inf)  # merging takes its time
        self._clock = clock
        self._surroundings = surroundings
        self._hold = hold
        self.is_hub_offline = is_hub_offline
        self.jobs = Jobs(max_at_once=1)
        self._last: dict[str, Job] = {}

    def offers(self, run_id: str) -> tuple[Offer, ...]:
        """Every kind of export, those that cannot be with the reason. Raises RunNotFound, and if run.yaml is lost."""
        run = self._store.get(run_id)
        kinds = [kind for kind in members(AnyExporter) if issubclass(kind, Exporter)]
        folder = RunDirectory(run.run_dir)
        if not (folder.adapter / "adapter_model.safetensors").is_file() and not folder.model.is_dir():
            return tuple(Offer(kind, "The run has no result yet.") for kind in kinds)
        config = self._configs.read(folder.config)
        return tuple(Offer(kind, _refusal(kind, config)) for kind in kinds)

    def look(self, run_id: str) -> tuple[Export, ...]:
        """The exports of a run, newest first. Raises RunNotFound."""
        exports = RunDirectory(self._store.get(run_id).run_dir).exports
        folders = [path for path in exports.iterdir() if _is_export(path)] if exports.is_dir() else []
        found = [Export(path.name, path, trash.size_bytes(path), _record(path)) for path in folders]
        return tuple(sorted(found, key=lambda one: one.record.created_at if one.record else "", reverse=True))

    def exporter(self, name: str, knobs: Mapping[str, object] | None = None) -> Exporter:
        """A kind of export with its knobs turned. Raises ExporterUnknown, ExportRefused."""
        kinds = {kind.spec_name(): kind for kind in members(AnyExporter) if issubclass(kind, Exporter)}
        if name not in kinds:
            raise ExporterUnknown(name=name, known=", ".join(kinds))
        try:
            return kinds[name].model_validate({"name": name, **(knobs or {})})
        except ValidationError as error:
            raise ExportRefused(run_id="", exporter=name, why=f"{problems_of(error)}.") from error

    def start(self, run_id: str, exporter: Exporter, name: str = "") -> Job:
        """Export beside the page; the job's answer is the Export. Raises as `order`."""
        order = self.order(run_id, exporter, name)
        key = (KEY, run_id, order.name)
        known = self.jobs.of(key)
        if known is not None and not known.is_running:
            self.jobs.forget(key)

        def work(job: Job) -> Export:
            return self.export(order, job.tell)

        job = self.jobs.start(key, f"Exporting {order.title} as {order.name}", work)
        self._last[run_id] = job
        return job

    def last(self, run_id: str) -> Job | None:
        """The newest export of a run that was begun here, over or not."""
        return self._last.get(run_id)

    def is_busy(self, run_id: str) -> bool:
        """Whether one is at work or waiting."""
        job = self.last(run_id)
        return job is not None and job.is_running

    def order(self, run_id: str, exporter: Exporter, name: str = "") -> ExportOrder:
        """What the program will be told. Raises RunNotFound, NoAnswerYet, ExportRefused, ExportNameTaken."""
        run = self._store.get(run_id)
        folder = RunDirectory(run.run_dir)
        ground = self._playground.ground(Subject(run_id))
        offer = next((one for one in self.offers(run_id) if one.name == exporter.name), None)
        why = offer.refusal if offer else "It belongs to a plugin that is gone."
        if why:
            raise ExportRefused(run_id=run_id, exporter=exporter.name, why=why)
        chosen = name.strip() or exporter.suggested_name()
        self._check_name(chosen, folder)
        private = (*self._surroundings.private, self._surroundings.trash.parent, run.run_dir)
        return ExportOrder(
            run_dir=str(run.run_dir),
            run_id=run.id,
            name=chosen,
            title=suggested_name(run.name) or "run",
            exporter=exporter,
            base_model=BaseModelChoice(
                path=ground.base_model, revision=ground.revision, trusted_code=ground.trusted_code
            ),
            config=self._configs.read(folder.config),
            private=tuple(dict.fromkeys(str(path.absolute()) for path in private)),
            at=self._clock.now().isoformat(timespec="seconds"),
        )

    def export(self, order: ExportOrder, say: Say = silent) -> Export:
        """Export, and wait for it. What `say` raises ends the program and is passed on. Raises NotExported."""
        folder = RunDirectory(Path(order.run_dir)).exports
        try:
            record = self._question.ask(order.model_dump_json(), _record_in, say, is_offline=self.is_hub_offline)
        except BaseException:
            self._tidy(folder)
            raise
        place = folder / order.name
        return Export(order.name, place, trash.size_bytes(place), record)

    def delete(self, run_id: str, name: str) -> Path:
        """Move an export to the trash; where it is now. Raises RunNotFound, ExportNotFound, NotDeleted."""
        run = self._store.get(run_id)
        place = RunDirectory(run.run_dir).exports / name
        if not EXPORT_NAME.fullmatch(name) or not _is_export(place):
            raise ExportNotFound(run_id=run_id, name=name[:80], folder=place.parent)
        try:
            return trash.put(place, self._surroundings.trash, f"{run_id}-export-{name}")
        except OSError as error:
            raise NotDeleted(path=place, reason=error.strerror or error) from error

    def _check_name(self, name: str, folder: RunDirectory) -> None:
        if not EXPORT_NAME.fullmatch(name):
            raise ExportNameTaken(name=name[:80], why="It becomes the name of a folder")
        if (folder.exports / name).exists():
            raise ExportNameTaken(name=name, why="There is an export of this name already")

    def _tidy(self, exports: Path) -> None:
        """Clear away what an ended program left, unless another one is at work there."""
        with suppress(OSError):
            if exports.is_dir():
                with self._hold(exports / LOCK) as is_ours:
                    if is_ours:
                        sweep(exports)


def _record_in(document: Mapping[str, Any]) -> ExportRecord:
    return ExportRecord.model_validate(document["export"])


def _refusal(kind: type[Exporter], config: RunConfig) -> str:
    return kind.refusal(config.method, config.quantization, is_whole=isinstance(config.method, WholeMethod))


def _is_export(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and EXPORT_NAME.fullmatch(path.name) is not None


def _record(folder: Path) -> ExportRecord | None:
    path = folder / RECORD
    try:
        if path.stat().st_size > MOST_RECORD_BYTES:
            return None
        return ExportRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
