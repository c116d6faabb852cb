"""CPT: Refines the embeddings of given context tokens."""

from typing import ClassVar, Literal

from backend.methods.base import PeftMethod
from backend.spec import Card


class Cpt(PeftMethod):
    """Refines the embeddings of given context tokens.

    Context-aware Prompt Tuning: Advancing In-Context Learning with Adversarial Methods, https://arxiv.org/abs/2410.17222
    """

    card: ClassVar[Card] = Card(
        title="CPT",
        summary="Refines the embeddings of given context tokens.",
        use_when="In-context examples that should work better.",
        family="Prompts",
        pros=("Uses examples as they are.",),
        cons=("Needs rows marked token by token.",),
        paper="Context-aware Prompt Tuning: Advancing In-Context Learning with Adversarial Methods, https://arxiv.org/abs/2410.17222",
        can_merge=False,
        unavailable="It needs examples whose parts are marked token by token, which no dataset format gives.",
        quantizations=(),
    )
    configuration: ClassVar[str] = "CPTConfig"
    name: Literal["cpt"] = "cpt"
