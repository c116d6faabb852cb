"""What one run takes over from another, or from its own former end: verified checkpoints and more steps."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backend.domain.adjustments import Adjustment, adjustments_text, read_adjustments
from backend.domain.run_directory import RunDirectory
from backend.store.checkpoints import MANIFEST, STAGING, Checkpoint, damage, sealed
from backend.store.errors import CheckpointDamaged, CheckpointMissing, CheckpointNotTaken, OrdersNotWritten
from backend.store.files import replace_text, sync_folder
from backend.store.locking import locked

_PATIENCE_SECONDS = 10.0


class LocalBranchFiles:
    """The BranchFiles port over run folders on a local disk."""

    def steps(self, run_dir: Path) -> tuple[int, ...]:
        """The steps of the sealed checkpoints, newest first; their bytes are not verified."""
        return tuple(checkpoint.step for checkpoint in sealed(RunDirectory(run_dir).checkpoints))

    def newest_whole(self, run_dir: Path) -> int | None:
        """The step of the newest checkpoint whose every byte is as it was sealed."""
        whole = (found for found in sealed(RunDirectory(run_dir).checkpoints) if damage(found) is None)
        return next((checkpoint.step for checkpoint in whole), None)

    def adjustments(self, run_dir: Path) -> tuple[Adjustment, ...]:
        """What was changed of run.yaml so far. Raises OrdersNotWritten if that cannot be read."""
        try:
            return read_adjustments(RunDirectory(run_dir).adjustments)
        except (OSError, ValueError) as error:
            raise OrdersNotWritten(path=RunDirectory(run_dir).adjustments, reason=error) from error

    def adjust(self, run_dir: Path, change: Adjustment) -> None:
        """Add a change; one of the same kind for the same attempt is replaced. Raises OrdersNotWritten."""
        made = self.adjustments(run_dir)
        kept = tuple(one for one in made if (one.attempt, one.kind) != (change.attempt, change.kind))
        try:
            replace_text(RunDirectory(run_dir).adjustments, adjustments_text((*kept, change)))
        except OSError as error:
            raise OrdersNotWritten(path=RunDirectory(run_dir).adjustments, reason=error) from error

    @contextmanager
    def alone(self, run_dir: Path) -> Iterator[None]:
        """While one extends a run nobody else does. Raises OrdersNotWritten."""
        path = run_dir / ".extend.lock"
        try:
            with locked(path, _PATIENCE_SECONDS):
                yield
        except OSError as error:
            raise OrdersNotWritten(path=path, reason=error) from error

    def take_checkpoint(self, source: Path, step: int, target: Path) -> None:
        """Bring the checkpoint of a step into another run's folder, by hard links where the disk has them.

        What has been brought is verified byte by byte before it gets its name. A sealed file is never written
        again, so both runs may share it. Raises CheckpointMissing, CheckpointDamaged, CheckpointNotTaken.
        """
        folder = RunDirectory(source).checkpoints / f"checkpoint-{step}"
        if step not in self.steps(source):
            raise CheckpointMissing(step=step, run_id=source.name, steps=_listed(self.steps(source)))
        place = RunDirectory(target).checkpoints
        staging = place / f"{STAGING}{folder.name}-{secrets.token_hex(4)}"
        try:
            _bring(folder, staging)
            why = damage(Checkpoint(step, staging))
            if why is not None:
                raise CheckpointDamaged(step=step, run_id=source.name, reason=why)
            staging.rename(place / folder.name)
            sync_folder(place)
        except OSError as error:  # a full disk; or the run that owns it has just deleted it for a newer one
            raise CheckpointNotTaken(step=step, run_id=source.name, reason=error.strerror or error) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _bring(folder: Path, staging: Path) -> None:
    """Every file, the manifest last."""
    staging.mkdir()
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.name == MANIFEST)
    for path in files:
        new = staging / path.relative_to(folder)
        new.parent.mkdir(parents=True, exist_ok=True)
        if not _linked(path, new):
            _copied(path, new)
    for parent in {staging, *(path.parent for path in staging.rglob("*"))}:
        sync_folder(parent)


def _linked(path: Path, new: Path, link: Callable[[Path, Path], None] = os.link) -> bool:
    with suppress(OSError):  # another disk, or a file system without links
        link(path, new)
        return True
    return False


def _copied(path: Path, new: Path) -> None:
    shutil.copyfile(path, new)
    with new.open("rb") as file:
        os.fsync(file.fileno())


def _listed(steps: tuple[int, ...]) -> str:
    return ", ".join(map(str, steps)) or "none"
