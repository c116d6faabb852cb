"""Which method a recipe can be trained with."""

from backend.recipes.base import RecipeSpec
from backend.spec import Spec


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
