"""Which dataset, and which method, a recipe can be trained with."""

from backend.data.formats import by_name
from backend.errors import DataError
from backend.recipes.base import RecipeSpec
from backend.spec import ExampleKind, Spec

KINDS = {
    ExampleKind.CONVERSATION: "conversations",
    ExampleKind.TEXT: "plain text",
    ExampleKind.PREFERENCE: "preference pairs",
    ExampleKind.RATED: "rated answers",
    ExampleKind.PROMPT: "prompts",
}


class RecipeUnfit(DataError):
    """The rows of the dataset are not what the recipe trains on."""

    id = "recipe-unfit"
    what = "The recipe {recipe} cannot be trained on this dataset."
    why = "It reads {wanted}; the rows were read as {found} (format {format})."
    fix = "Choose another recipe or dataset; if the rows are something else, name their format in dataset.format."


def dataset_problem(recipe: RecipeSpec, format_name: str) -> RecipeUnfit | None:
    """Why rows that were read in a format ("messages", "preference") are not for this recipe, or None."""
    found = by_name(format_name).gives
    if found in recipe.reads:
        return None
    wanted = " or ".join(KINDS[kind] for kind in recipe.reads)
    return RecipeUnfit(recipe=recipe.spec_name(), wanted=wanted, found=KINDS[found], format=format_name)


def reference_problem(recipe: RecipeSpec, method: Spec) -> str | None:
    """Why a method cannot be used where the base model is needed beside the trained one, or None.

    The reference is the same model with its adapter switched off; trained biases cannot be switched off.
    """
    bias = getattr(method, "bias", "none")
    if recipe.compares_with_base() and bias != "none":
        return (
            f'recipe {recipe.spec_name()} compares with the untrained base model: set method.bias to "none", because '
            "trained bias vectors cannot be switched off"
        )
    return None
