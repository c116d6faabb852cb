"""TrainingService: what a person does to runs: start, pause, stop, resume."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from backend.data.choice import HUB_PREFIX
from backend.domain.ports import Clock, Processes, RunFiles, RunStore
from backend.domain.preflight import PreflightReport
from backend.domain.run import Origin, Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import new_run_id
from backend.domain.states import RunState, Wish
from backend.services.config_service import ConfigService
from backend.services.errors import PreflightFailed, RunIsFinished
from backend.services.preflight import Preflight
from backend.store.base_model_facts import model_folder
from config.catalog import DEMO_MODEL, SAMPLE_PREFIX


class TrainingService:
    """Writes rows, folders and wishes; processes are the ProcessManager's."""

    def __init__(
        self,
        store: RunStore,
        files: RunFiles,
        processes: Processes,
        preflight: Preflight,
        configs: ConfigService,
        clock: Clock,
        runs_folder: Path,
    ) -> None:
        self._store = store
        self._files = files
        self._processes = processes
        self._preflight = preflight
        self._configs = configs
        self._clock = clock
        self._runs_folder = runs_folder

    def preflight(self, config: RunConfig, base: Path) -> PreflightReport:
        """Check data, model, disk and packages without writing anything; paths are relative to `base`."""
        return self._preflight.check(config, base)

    def start(
        self,
        config: RunConfig,
        base: Path,
        *,
        priority: int = 0,
        after: str = "",
        retries: int = 0,
        is_held: bool = False,
        origin: Origin | None = None,
        furnish: Callable[[Path], None] = lambda _: None,
    ) -> Run:
        """Check, write the run's folder and row, and start it or let it wait for its turn.

        `after` is the id of a run that has to finish first; `retries`: so often it is queued again if it fails.
        A held one waits until it is released. `origin` is the run that it comes from; `furnish` puts into the new
        folder what it begins with, and if it raises, nothing is left of the run.
        Raises PreflightFailed, RunNotFound.
        """
        if after:
            self._store.get(after)
        report = self._preflight.check(config, base)
        if report.errors:
            problems = " ".join(finding.sentence() for finding in report.errors)
            raise PreflightFailed(problems=problems)
        order = as_ordered(config, base)
        run = self._new_run(order, Wish.PAUSE if is_held else Wish.RUN)
        run = replace(run, priority=priority, after=after, retries=retries, origin=origin)
        self._create(run, order, furnish)
        self._processes.start(run.id)
        return self._store.get(run.id)

    def create(self, config: RunConfig, base: Path, *, tags: Sequence[str] = (), is_held: bool = False) -> Run:
        """Write the run's folder and row, and nothing else: it was checked, and who asks sees to its start.

        Raises RunFolderNotMade, StorageError.
        """
        order = as_ordered(config, base)
        run = replace(self._new_run(order, Wish.PAUSE if is_held else Wish.RUN), tags=tuple(tags))
        self._create(run, order, lambda _: None)
        return run

    def pause(self, run_id: str, keep_slot: bool = False) -> Run:
        """Ask a run to write a checkpoint and leave memory and devices until it is resumed.

        With `keep_slot` it holds on to its places on devices, so that no other run takes them meanwhile. Pausing
        a run that is over changes nothing. Raises CommandNotStarted.
        """
        known = self._store.get(run_id)
        if known.is_paused and known.keeps_slot == keep_slot:
            return known
        held = ", its place stays taken" if keep_slot else ""
        return self._wish(known, Wish.PAUSE, f"Pause was asked for{held}.", keeps_slot=keep_slot)

    def stop(self, run_id: str) -> Run:
        """Ask a run to write a checkpoint and end. Stopping a run that is over changes nothing.

        Raises CommandNotStarted if nobody looks after the run and nobody can be found who grants the wish.
        """
        known = self._store.get(run_id)
        return known if known.wish is Wish.STOP_NOW else self._wish(known, Wish.STOP, "Stop was asked for.")

    def stop_now(self, run_id: str) -> Run:
        """End a run without waiting for a checkpoint; what came after the last one is lost. Raises as `stop`."""
        return self._wish(self._store.get(run_id), Wish.STOP_NOW, "Stop at once was asked for.")

    def resume(self, run_id: str) -> Run:
        """Go on from the last checkpoint as soon as it is its turn, or let a run that is about to rest go on.

        Raises RunIsFinished.
        """
        run = self._store.get(run_id)
        if run.state is RunState.FINISHED:
            raise RunIsFinished(run_id=run_id)
        if run.wish is not Wish.RUN:
            run = self._store.set_wish(run_id, Wish.RUN, "Resume was asked for.")
        self._processes.start(run_id)
        return self._store.get(run_id)

    def _wish(self, run: Run, wish: Wish, reason: str, *, keeps_slot: bool = False) -> Run:
        if run.is_over and run.wish is not Wish.RUN:
            return run
        run = self._store.set_wish(run.id, wish, reason, keeps_slot=keeps_slot)
        if run.needs_supervisor:
            self._processes.start(run.id)
        else:
            self._processes.reconcile()  # it is at rest already; others may get the places that it had
        return run

    def _new_run(self, config: RunConfig, wish: Wish) -> Run:
        now = self._clock.now()
        run_id = new_run_id(config.name or config.method.name, now)
        return Run(
            id=run_id,
            name=config.name or run_id,
            run_dir=self._runs_folder / run_id,
            state=RunState.CREATED,
            wish=wish,
            created_at=now,
            updated_at=now,
            queued_at=now,
            message="Waiting for its turn.",
            method=config.method.name,
            base_model=config.base_model.path,
            dataset=config.dataset.path,
        )

    def _create(self, run: Run, config: RunConfig, furnish: Callable[[Path], None]) -> None:
        self._files.create(run.run_dir, self._configs.dump(config))
        try:
            furnish(run.run_dir)
            self._store.create(run)
        except Exception:
            self._files.discard(run.run_dir)
            raise


def as_ordered(config: RunConfig, base: Path) -> RunConfig:
    """The same order with paths that mean the same from anywhere, so that run.yaml can be used again."""
    model = config.base_model
    folder = None if model.path == DEMO_MODEL else model_folder(model.path, base)
    if folder is not None:
        model = model.model_copy(update={"path": str(folder.resolve())})
    data = config.dataset
    mix = tuple(part.model_copy(update={"path": _absolute_path(part.path, base)}) for part in data.mix)
    paths: dict[str, object] = {"path": _absolute_path(data.path, base), "mix": mix}
    if data.validation_path:
        paths["validation_path"] = _absolute_path(data.validation_path, base)
    changes = {
        "base_model": model,
        "dataset": data.model_copy(update=paths),
        "recipe": config.recipe.with_paths(lambda path: _absolute_path(path, base)),
    }
    return config.model_copy(update=changes)


def _absolute_path(path: str, base: Path) -> str:
    is_name = path.startswith((SAMPLE_PREFIX, HUB_PREFIX))
    return path if is_name else str((base / Path(path).expanduser()).absolute())
