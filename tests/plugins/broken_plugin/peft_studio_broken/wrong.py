"""Classes that cannot be used."""

from typing import ClassVar, Literal

from backend.methods import Lora
from backend.spec import Card


class JustAClass:
    """Derived from nothing of the studio's."""


class Taken(Lora):
    """Has the name of a method that ships."""

    card: ClassVar[Card] = Card(title="Not LoRA", summary="Takes its name.", use_when="Never.")
    name: Literal["lora"] = "lora"
