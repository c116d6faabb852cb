"""CheckpointLibrary: looking through the checkpoints of a run, verifying one, and putting one into the trash."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from backend.domain.checkpoint_rows import CheckpointRow, FoundCheckpoint, checkpoint_rows, may_resume, refusal
from backend.domain.metric_goals import Goal
from backend.domain.ports import Executor, RunStore
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.domain.states import Liveness
from backend.errors import StudioError
from backend.services.config_service import ConfigService
from backend.services.library_errors import CheckpointKept, NotDeleted
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.store import trash
from backend.store.checkpoints import MANIFEST, Checkpoint, all_folders, damage
from backend.store.errors import CheckpointMissing

METRIC = "eval/loss"
Hold = Callable[[Path], AbstractContextManager[bool]]


class CheckpointLibrary:
    """Holds no state. `hold` takes a lock file while a block runs, and says whether it could."""

    def __init__(
        self,
        store: RunStore,
        executor: Executor,
        curves: TensorBoardDataManager,
        configs: ConfigService,
        hold: Hold,
        trash_folder: Path,
    ) -> None:
        self._store = store
        self._executor = executor
        self._curves = curves
        self._configs = configs
        self._hold = hold
        self._trash_folder = trash_folder

    def look(self, run_id: str) -> tuple[CheckpointRow, ...]:
        """The checkpoints of a run, newest first; their bytes are not verified. Raises RunNotFound."""
        run = self._store.get(run_id)
        folder = RunDirectory(run.run_dir)
        series = self._curves.curves(folder.tensorboard).series
        metric, goal = self._metric(folder.config)
        found = self._found(run)
        return checkpoint_rows(run, found, series, metric, goal, is_at_work=self._is_at_work(run))

    def verify(self, run_id: str, step: int) -> str | None:
        """What is wrong with a checkpoint, None if each byte is as it was sealed. Raises CheckpointMissing."""
        run = self._store.get(run_id)
        return damage(self._checkpoint(run, step))

    def delete(self, run_id: str, step: int) -> Path:
        """Move a checkpoint to the trash; where it is now. Its supervisor cannot begin meanwhile.

        Of a run that may be resumed the last good one is kept: others are verified byte by byte before that.
        Raises CheckpointMissing, CheckpointKept, NotDeleted.
        """
        run = self._store.get(run_id)
        try:
            with self._hold(RunDirectory(run.run_dir).supervisor_lock) as is_ours:
                run = self._store.get(run_id)
                one = self._checkpoint(run, step)
                if why := self._refusal(run, step, is_at_work=not is_ours or self._is_at_work(run)):
                    raise CheckpointKept(step=step, run_id=run_id, reason=why)
                return trash.put(one.path, self._trash_folder, f"{run_id}-checkpoint-{step}")
        except OSError as error:
            raise NotDeleted(path=f"checkpoint-{step}", reason=error.strerror or error) from error

    def _refusal(self, run: Run, step: int, *, is_at_work: bool) -> str:
        found = self._found(run)
        sealed = [one for one in found if one.is_sealed]
        one = next(one for one in found if one.step == step)
        if why := refusal(run, one, sealed, is_at_work=is_at_work):
            return why
        if not one.is_sealed or not may_resume(run):
            return ""
        others = (Checkpoint(other.step, other.path) for other in sealed if other.step != step)
        if damage(Checkpoint(step, one.path)) is None and all(damage(other) for other in others):
            return "It is the last good checkpoint of a run that may be resumed: the others are damaged."
        return ""

    def _checkpoint(self, run: Run, step: int) -> Checkpoint:
        found = all_folders(RunDirectory(run.run_dir).checkpoints)
        one = next((checkpoint for checkpoint in found if checkpoint.step == step), None)
        if one is None:
            steps = ", ".join(str(checkpoint.step) for checkpoint in found) or "none"
            raise CheckpointMissing(step=step, run_id=run.id, steps=steps)
        return one

    def _found(self, run: Run) -> Sequence[FoundCheckpoint]:
        found = map(_measured, all_folders(RunDirectory(run.run_dir).checkpoints))
        return [one for one in found if one is not None]

    def _metric(self, config: Path) -> tuple[str, Goal]:
        """What the run itself calls better; the evaluation loss where its order cannot be read."""
        try:
            order: RunConfig = self._configs.read(config)
        except StudioError:
            return METRIC, Goal.LOWER
        return order.guards.metric, Goal(order.guards.metric_goal)

    def _is_at_work(self, run: Run) -> bool:
        """Whether somebody writes into its folder, or will without a person."""
        trainer = RunDirectory(run.run_dir).trainer_lock
        return run.needs_supervisor or self._executor.find(trainer)[0] is not Liveness.DEAD


def _measured(checkpoint: Checkpoint) -> FoundCheckpoint | None:
    """Sizes by walking: a checkpoint has some ten files. None for one that its run has just cleared away."""
    manifest = checkpoint.path / MANIFEST
    is_sealed = manifest.is_file()
    try:
        written = (manifest if is_sealed else checkpoint.path).stat().st_mtime
    except FileNotFoundError:
        return None
    return FoundCheckpoint(
        step=checkpoint.step,
        path=checkpoint.path,
        size_bytes=trash.size_bytes(checkpoint.path),
        freed_bytes=trash.freed_bytes(checkpoint.path),
        written_at=datetime.fromtimestamp(written, UTC),
        is_sealed=is_sealed,
    )
