"""Cartridge: A trained key-value cache that stands for a long text."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import PeftMethod
from backend.spec import Card, because


class Cartridge(PeftMethod):
    """A trained key-value cache that stands for a long text."""

    card: ClassVar[Card] = Card(
        title="Cartridge",
        summary="A trained key-value cache that stands for a long text.",
        use_when="One long document is asked about often.",
        family="Prompts",
        pros=("A long text for the price of a short one.",),
        cons=("One text each; cannot be merged.",),
        can_merge=False,
    )
    configuration: ClassVar[str] = "CartridgeConfig"
    words: ClassVar[Mapping[str, str]] = {"tokens": "num_virtual_tokens"}
    name: Literal["cartridge"] = "cartridge"
    tokens: int = Field(
        default=16,
        ge=2,
        le=65536,
        description="Length of the cache.",
        json_schema_extra=because("A beginning; a long text needs more."),
    )
