"""The demo model: pretrained on this machine on first use, then found in the cache."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from backend.store.checkpoints import MANIFEST, Checkpoint, damage, write_manifest_text
from backend.store.files import replace_text, sync_folder
from backend.store.locking import locked
from backend.trainer.demo_corpus import vocabulary_text
from backend.trainer.demo_recipe import DemoRecipe
from config.catalog import DEMO_MODEL

LOOK_AGAIN_SECONDS = 1.0

Progress = Callable[[float, str], None]


def ensure_demo_model(folder: Path, progress: Progress, recipe: DemoRecipe | None = None) -> Path:
    """The folder of the demo model inside `folder`, built first if it is not there whole.

    Two processes at once build once: the second waits. `progress` gets a share from 0 to 1 and a sentence at
    least once a second or ten steps, and may raise to give up, which leaves nothing behind. The link `demo` in
    `folder` leads to the model that was asked for last. Raises OSError, such as for a full disk.
    """
    recipe = recipe or DemoRecipe()
    folder.mkdir(parents=True, exist_ok=True)
    name = model_name(recipe)
    with ExitStack() as stack:
        _wait_for_turn(stack, folder / f".{name}.lock", progress)
        model = folder / name
        if damage(Checkpoint(recipe.steps, model)):
            _build(model, recipe, progress)
        _link(folder / DEMO_MODEL, name)
    return model


def model_name(recipe: DemoRecipe) -> str:
    """`demo-` and a hash of all that decides the model: the numbers of its recipe and the text it reads."""
    told = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    for text in vocabulary_text(recipe.seed):
        told.update(text.encode())
    return f"{DEMO_MODEL}-{told.hexdigest()[:12]}"


def _wait_for_turn(stack: ExitStack, lock: Path, progress: Progress) -> None:
    while True:
        try:
            stack.enter_context(locked(lock, LOOK_AGAIN_SECONDS))
        except TimeoutError:
            progress(0.0, "waiting for another process that builds the demo model")
        else:
            return


def _build(model: Path, recipe: DemoRecipe, progress: Progress) -> None:
    """Build beside it, seal it with a manifest, and put it in its place in one rename."""
    from backend.trainer.demo_pretraining import pretrain  # noqa: PLC0415 - imports torch, not needed for a cached model

    staging = model.with_name(f".{model.name}.building")
    _remove(staging)
    staging.mkdir()
    try:
        pretrain(recipe, staging, progress)
        replace_text(staging / MANIFEST, write_manifest_text(staging, recipe.steps))
        _remove(model)
        staging.rename(model)
        sync_folder(model.parent)
    finally:
        _remove(staging)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _link(link: Path, name: str) -> None:
    """Replace a symbolic link atomically; readers without torch find the model through it."""
    if link.is_symlink() and link.readlink() == Path(name):
        return
    fresh = link.with_name(f".{link.name}.link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name, target_is_directory=True)
    fresh.replace(link)


def main(arguments: list[str]) -> int:
    """`python -m backend.trainer.demo_model FOLDER` builds the model in a folder and prints its path."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m backend.trainer.demo_model FOLDER\n")
        return 64
    path = ensure_demo_model(Path(arguments[0]).absolute(), _say)
    sys.stdout.write(f"{path}\n")
    return 0


def _say(share: float, text: str) -> None:
    sys.stderr.write(f"\r{share:6.1%} {text:<70}{'' if share < 1 else chr(10)}")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
