"""Prompt tuning: Learns the embeddings of a few tokens that are put before every text."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import PeftMethod
from backend.spec import Card, because


class Prompt(PeftMethod):
    """Learns the embeddings of a few tokens that are put before every text.

    The Power of Scale for Parameter-Efficient Prompt Tuning, https://arxiv.org/abs/2104.08691
    """

    card: ClassVar[Card] = Card(
        title="Prompt tuning",
        summary="Learns the embeddings of a few tokens that are put before every text.",
        use_when="A frozen model that serves many tasks; wants a high learning rate.",
        family="Prompts",
        pros=("The base stays untouched; many tasks share it.",),
        cons=("Takes room of the context; learns slowly.",),
        paper="The Power of Scale for Parameter-Efficient Prompt Tuning, https://arxiv.org/abs/2104.08691",
        can_merge=False,
    )
    configuration: ClassVar[str] = "PromptTuningConfig"
    words: ClassVar[Mapping[str, str]] = {"tokens": "num_virtual_tokens"}
    name: Literal["prompt"] = "prompt"
    tokens: int = Field(
        default=16,
        ge=1,
        le=4096,
        description="Learned tokens that are put before every text.",
        json_schema_extra=because("Enough to steer, and short enough to leave the context free."),
    )
