"""Which module trains a recipe; it is imported only when it is asked for."""

from importlib import import_module
from typing import Protocol, cast

from transformers import PreTrainedTokenizerBase

from backend.data.loading import LoadedDataset
from backend.recipes import Recipe
from backend.trainer.imports import program_name
from backend.trainer.loop import StudioLoop
from backend.trainer.parts import Parts, Rows, Work


class RecipeProgram(Protocol):
    """A module of backend.trainer.recipes."""

    def rows(self, work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
        """The dataset as the loop takes it. Raises DataError, StopRequested."""

    def loop(self, parts: Parts) -> StudioLoop:
        """The loop, ready to go on."""


def program_of(recipe: Recipe) -> RecipeProgram:
    """The module that trains a recipe; it has the recipe's name, or that of the recipe it is derived from."""
    return cast(RecipeProgram, import_module(program_name(recipe)))
