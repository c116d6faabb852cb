"""P-tuning: Prompt tuning whose tokens come from a small trained network."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import PeftMethod
from backend.spec import Card, because


class PTuning(PeftMethod):
    """Prompt tuning whose tokens come from a small trained network.

    GPT Understands, Too, https://arxiv.org/abs/2103.10385
    """

    card: ClassVar[Card] = Card(
        title="P-tuning",
        summary="Prompt tuning whose tokens come from a small trained network.",
        use_when="Prompt tuning that learns too slowly.",
        family="Prompts",
        pros=("Learns faster than plain prompt tuning.",),
        cons=("Takes room of the context; cannot be merged.",),
        paper="GPT Understands, Too, https://arxiv.org/abs/2103.10385",
        can_merge=False,
    )
    configuration: ClassVar[str] = "PromptEncoderConfig"
    words: ClassVar[Mapping[str, str]] = {
        "tokens": "num_virtual_tokens",
        "encoder": "encoder_reparameterization_type",
        "hidden_size": "encoder_hidden_size",
        "dropout": "encoder_dropout",
    }
    name: Literal["p_tuning"] = "p_tuning"
    tokens: int = Field(
        default=16,
        ge=1,
        le=4096,
        description="Learned tokens that are put before every text.",
        json_schema_extra=because("Enough to steer, and short enough to leave the context free."),
    )
    encoder: Literal["MLP", "LSTM"] = Field(default="MLP", description="The network that makes the tokens.")
    hidden_size: int = Field(
        default=128,
        ge=1,
        le=65536,
        description="Width of that network.",
        json_schema_extra=because("The network that makes the tokens may be small."),
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Share of adapter inputs set to zero while training, against overfitting.",
    )
