"""Which modules a trainer of a run needs, and importing them ahead of time."""

import importlib
import sys
from pathlib import Path

from backend.domain.run_config import RunConfig
from backend.recipes import Recipe
from backend.store.files import read_text, replace_text

# what a trainer with this recipe imports in any case; the rest is learned from the run's own trainer
ALWAYS = ("backend.trainer.parts", "backend.trainer.training")
# what is imported for a run that nobody knows yet; other recipes import their own part when they begin
USUAL: tuple[str, ...] = (*ALWAYS, "backend.trainer.recipes.sft")
_TOPS = frozenset(
    {
        "accelerate", "backend", "bitsandbytes", "config", "datasets", "huggingface_hub", "jinja2", "numpy", "pandas",
        "peft", "psutil", "pyarrow", "safetensors", "scipy", "sklearn", "tensorboard", "tokenizers", "torch",
        "transformers", "trl",
    }
)  # fmt: skip


def remember_imports(file: Path) -> None:
    """Write down what is imported now, in the order of importing. Nothing depends on it but time."""
    modules: dict[str, object] = dict(sys.modules)  # None stands for a module that is hidden
    names = [name for name, module in modules.items() if module is not None and _is_known(name)]
    try:
        replace_text(file, "\n".join(names) + "\n")
    except OSError:
        return


def stack_of(config: RunConfig, file: Path) -> tuple[str, ...]:
    """What to import for a run: in the order of its own trainer, as far as that one has told."""
    learned = tuple(name for name in (read_text(file) or "").split() if _is_known(name))
    return (*learned, *ALWAYS, program_name(config.recipe))


def program_name(recipe: Recipe) -> str:
    """The module that trains a recipe: its own, or that of the recipe of ours that it is or is derived from."""
    return recipe.program or f"backend.trainer.recipes.{recipe.lineage()[-1]}"


def import_all(names: tuple[str, ...]) -> None:
    """Import what can be imported; the trainer itself will say what it misses."""
    for name in names:
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001, S112 - names that only their own package can import, and the like
                continue


def _is_known(name: str) -> bool:
    """A module of the training stack; a run's folder may come from elsewhere, and its list is no program."""
    return name.split(".", maxsplit=1)[0] in _TOPS and not name.endswith("__main__")
