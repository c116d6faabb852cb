"""What is optimised; a new recipe is one file and one name in this union."""

from backend.recipes.sft import Sft

Recipe = Sft

__all__ = ["Recipe", "Sft"]
