"""Where an attempt starts: at the newest checkpoint that can be trusted, or at the beginning."""

from pathlib import Path

from backend.store.checkpoints import FOLDER, Checkpoint, damage
from backend.trainer.progress import Progress
from backend.trainer.say import say
from backend.trainer.staging import quarantine, sweep


def resume_point(folder: Path) -> Checkpoint | None:
    """The newest checkpoint whose every byte is as it was sealed, or None to start from the beginning.

    Damaged and unsealed ones that are newer are renamed to `.corrupt`; half-written ones are removed.
    """
    folder.mkdir(exist_ok=True)
    sweep(folder)
    for checkpoint in _all(folder):
        why = damage(checkpoint) or _unreadable(checkpoint)
        if why is None:
            say(f"resuming from step {checkpoint.step}")
            return checkpoint
        moved = quarantine(checkpoint.path)
        say(f"checkpoint of step {checkpoint.step} is damaged ({why}); moved to {moved.name}")
    return None


def _all(folder: Path) -> list[Checkpoint]:
    found = [
        Checkpoint(int(match[1]), path)
        for path in folder.iterdir()
        if (match := FOLDER.match(path.name)) and path.is_dir() and not path.is_symlink()
    ]
    return sorted(found, key=lambda checkpoint: -checkpoint.step)


def _unreadable(checkpoint: Checkpoint) -> str | None:
    progress = Progress.read(checkpoint.path)
    return None if progress and progress.step == checkpoint.step else "its progress cannot be read"
