"""Where an attempt starts: at the newest checkpoint that can be trusted, or at the beginning."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from backend.store.checkpoints import FOLDER, Checkpoint, damage
from backend.store.leftovers import sweep
from backend.trainer.progress import Progress
from backend.trainer.say import say
from backend.trainer.snapshot import REQUIRED
from backend.trainer.staging import quarantine


def resume_point(folder: Path) -> Checkpoint | None:
    """The newest checkpoint whose every byte is as it was sealed, or None to start from the beginning.

    Damaged and unsealed ones that are newer are renamed to `.corrupt`; half-written ones are removed.
    """
    folder.mkdir(exist_ok=True)
    sweep(folder)
    for checkpoint in _all(folder):
        why = damage(checkpoint) or unusable(checkpoint)
        if why is None:
            say(f"resuming from step {checkpoint.step}")
            return checkpoint
        moved = quarantine(checkpoint.path)
        say(f"checkpoint of step {checkpoint.step} is damaged ({why}); moved to {moved.name}")
    return None


def unusable(checkpoint: Checkpoint) -> str | None:
    """Why a checkpoint cannot be gone on from although its seal is right, or None.

    A seal says that nothing was changed since, not who set it. So nothing that could be a program is read:
    JSON and safetensors are all that a checkpoint of ours has.
    """
    for name in REQUIRED:
        if not (checkpoint.path / name).is_file():
            return f"{name} is missing"
    for path in checkpoint.path.rglob("*"):
        if path.is_file() and (why := _unreadable(path)):
            return f"{path.relative_to(checkpoint.path)} {why}"
    progress = Progress.read(checkpoint.path)
    if progress is None or progress.step != checkpoint.step or _state_step(checkpoint.path) != checkpoint.step:
        return "it says that it belongs to another step"
    return None


def _unreadable(path: Path) -> str | None:
    try:
        match path.suffix:
            case ".json":
                json.loads(path.read_text(encoding="utf-8"))
            case ".safetensors":
                with safe_open(path, framework="numpy") as tensors:
                    tensors.keys()
            case _:
                return "is no file that a checkpoint has"
    except (OSError, ValueError, RecursionError, SafetensorError):
        return "cannot be read"
    return None


def _state_step(folder: Path) -> object:
    state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    return state.get("global_step") if isinstance(state, dict) else None


def _all(folder: Path) -> list[Checkpoint]:
    found = [
        Checkpoint(int(match[1]), path)
        for path in folder.iterdir()
        if (match := FOLDER.match(path.name)) and path.is_dir() and not path.is_symlink()
    ]
    return sorted(found, key=lambda checkpoint: -checkpoint.step)
