"""Prefix tuning: Learns keys and values that every layer sees before the text."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import PeftMethod
from backend.spec import Card, because


class Prefix(PeftMethod):
    """Learns keys and values that every layer sees before the text.

    Prefix-Tuning: Optimizing Continuous Prompts for Generation, https://arxiv.org/abs/2101.00190
    """

    card: ClassVar[Card] = Card(
        title="Prefix tuning",
        summary="Learns keys and values that every layer sees before the text.",
        use_when="Stronger than prompt tuning at the same length.",
        family="Prompts",
        pros=("Reaches every layer.",),
        cons=("Takes room of the context; cannot be merged.",),
        paper="Prefix-Tuning: Optimizing Continuous Prompts for Generation, https://arxiv.org/abs/2101.00190",
        can_merge=False,
    )
    configuration: ClassVar[str] = "PrefixTuningConfig"
    words: ClassVar[Mapping[str, str]] = {"tokens": "num_virtual_tokens"}
    name: Literal["prefix"] = "prefix"
    tokens: int = Field(
        default=16,
        ge=1,
        le=4096,
        description="Learned tokens that are put before every text.",
        json_schema_extra=because("Enough to steer, and short enough to leave the context free."),
    )
