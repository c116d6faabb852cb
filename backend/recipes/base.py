"""What all recipes share: a card, and the kinds of examples that they read."""

from typing import ClassVar

from backend.spec import ExampleKind, Spec


class RecipeSpec(Spec):
    """What is optimised. `reads` are the kinds of examples that it can train on, the best suited first."""

    reads: ClassVar[tuple[ExampleKind, ...]]
