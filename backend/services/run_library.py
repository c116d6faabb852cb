"""RunLibrary: what a person writes about runs, and putting runs into the trash."""

from collections.abc import Callable, Sequence
from pathlib import Path

from backend.domain.ports import Executor, Processes, RunFiles, RunStore
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import Liveness, Wish
from backend.services.errors import RunIsActive

MAX_TAGS = 50


class RunLibrary:
    """Notes, tags, names, deletion. Nothing is deleted for good: folders go to the trash."""

    def __init__(
        self,
        store: RunStore,
        files: RunFiles,
        executor: Executor,
        processes: Processes,
        trash_folder: Path,
        forget_curves: Callable[[Path], None] = lambda _folder: None,
    ) -> None:
        self._store = store
        self._files = files
        self._executor = executor
        self._processes = processes
        self._trash_folder = trash_folder
        self._forget_curves = forget_curves

    def annotate(
        self,
        run_id: str,
        *,
        name: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Run:
        """Change what a person wrote; None leaves it as it is. Tags are stripped, unique and sorted."""
        clean = None
        if tags is not None:
            clean = sorted({tag.strip()[:50] for tag in tags if tag.strip()})[:MAX_TAGS]
        return self._store.annotate(run_id, name=name, notes=notes, tags=clean)

    def tags(self, run_id: str) -> tuple[str, ...]:
        """The tags of a run. Raises RunNotFound."""
        return self._store.get(run_id).tags

    def delete(self, run_id: str, *, settles: bool = True) -> Path | None:
        """Move a run at rest to the trash and forget it; where its folder is now, None if it had none.

        Who deletes many gives out their places once, at the end (`settles`).
        """
        run = self._store.get(run_id)
        folder = RunDirectory(run.run_dir)
        is_looked_after = self._executor.find(folder.supervisor_lock)[0] is not Liveness.DEAD
        is_training = self._executor.find(folder.trainer_lock)[0] is not Liveness.DEAD
        if is_looked_after or is_training or (run.needs_supervisor and run.wish is Wish.RUN):
            raise RunIsActive(run_id=run_id, state=run.state.value, action="Deleting")
        target = self._files.trash(run.run_dir, self._trash_folder) if run.run_dir.is_dir() else None
        self._store.delete(run_id)
        self._forget_curves(folder.tensorboard)
        if settles:
            self._processes.reconcile()  # others may get the places that it held, or have waited for it
        return target
