"""Code that a base model brings along: found before anything is loaded, and run only if a person trusts its hash."""

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from backend.base_models.errors import ModelCodeElsewhere, ModelCodeUntrusted, ModelCommitMissing
from backend.base_models.hub import COMMIT
from backend.domain.run_config import BaseModelChoice

LONGEST_CONFIG_BYTES = 5_000_000  # larger JSON files are vocabularies, in which transformers looks for no code
OTHER_REPOSITORY = "--"  # auto_map: {"AutoModel": "org/name--module.Class"}
NOT_COPIED = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5", ".msgpack")


def check_code(choice: BaseModelChoice, folder: Path, *, is_remote: bool) -> bool:
    """Whether the model has code of its own, which a person trusts. Raises as the errors that are named here.

    Nothing is asked on a terminal and nothing is run. ModelCodeUntrusted, ModelCodeElsewhere, ModelCommitMissing.
    """
    named = named_code(folder)
    if not named:
        return False
    files = ", ".join(named)
    if any(OTHER_REPOSITORY in name for name in named):
        raise ModelCodeElsewhere(path=choice.path, files=files)
    found = code_hash(folder)
    if choice.trusted_code != found:
        why = "A program in a model can do whatever you can do, so it runs only after you have read it."
        if choice.trusted_code is not None:
            why = f"base_model.trusted_code is {choice.trusted_code}, which is not the hash of its files now."
        raise ModelCodeUntrusted(path=choice.path, files=files, why=why, folder=folder, hash=found)
    if is_remote and not COMMIT.match(choice.revision or ""):
        known = f", such as {folder.name}" if COMMIT.match(folder.name) else ""
        raise ModelCommitMissing(path=choice.path, known=known)
    return True


def code_hash(folder: Path) -> str:
    """SHA-256 of all .py files below a folder: name, NUL, length, NUL, content, in the order of their names."""
    digest = hashlib.sha256()
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    for name in names:
        if name.startswith(".") or "/." in name:
            continue  # of git and editors: no module can import them
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def named_code(folder: Path) -> tuple[str, ...]:
    """Every class that a configuration in the folder names under auto_map, sorted."""
    found: set[str] = set()
    for path in sorted(folder.glob("*.json")):
        if path.stat().st_size <= LONGEST_CONFIG_BYTES:
            try:
                found.update(_auto_maps(json.loads(path.read_text(encoding="utf-8"))))
            except (ValueError, RecursionError):
                continue  # transformers cannot read it either
    return tuple(sorted(found))


def private_copy(choice: BaseModelChoice, folder: Path) -> Path:
    """A copy of the trusted files that nobody else changes; weights are linked. Raises ModelCodeUntrusted.

    The hash is taken of the copy, so what was trusted is what runs. transformers copies modules once more before
    it imports them; that copy is made in the same private place, which is removed when the process ends.
    """
    place = _private_place()
    copy = Path(tempfile.mkdtemp(dir=place)) / f"code_{(choice.trusted_code or '')[:16]}"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(*(f"*{ending}" for ending in NOT_COPIED), ".*"))
    check_code(choice, copy, is_remote=False)
    return copy


@cache
def _private_place() -> Path:
    """A folder of this process alone; Python finds the modules of all trusted models in one package there."""
    from transformers import dynamic_module_utils

    place = Path(tempfile.mkdtemp(prefix="peft-studio-code-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    dynamic_module_utils.HF_MODULES_CACHE = str(place / "modules")  # type: ignore[attr-defined] # imported there
    return place


def link_weights(folder: Path, copy: Path) -> None:
    """Make the .safetensors of a folder visible in its copy."""
    for path in folder.glob("*.safetensors"):
        target = copy / path.name
        if not target.exists():
            target.symlink_to(path.resolve())


def _auto_maps(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _auto_maps(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "auto_map":
                yield from _texts(item)
            else:
                yield from _auto_maps(item)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
