"""LoRA: Trains two small matrices beside each chosen layer."""

from typing import ClassVar, Literal

from backend.methods.family import DecomposedKnob, LoraFamily, RankStabilizedKnob, StartKnob
from backend.spec import Card


class Lora(DecomposedKnob, RankStabilizedKnob, StartKnob, LoraFamily):
    """Trains two small matrices beside each chosen layer.

    LoRA: Low-Rank Adaptation of Large Language Models, https://arxiv.org/abs/2106.09685
    """

    card: ClassVar[Card] = Card(
        title="LoRA",
        summary="Trains two small matrices beside each chosen layer.",
        use_when="A good first choice; fast, small, merges into the base model.",
        family="Low rank",
        pros=("The best known one: every tool reads it.",),
        cons=("A rank must be chosen.",),
        recommended=True,
        paper="LoRA: Low-Rank Adaptation of Large Language Models, https://arxiv.org/abs/2106.09685",
    )
    name: Literal["lora"] = "lora"
