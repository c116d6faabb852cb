"""Merged: base model and adapter as one model, which every program that reads safetensors loads."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from backend.exporters.base import Bench, Exporter, NumberFormat, Verified
from backend.spec import Card, Spec, because

MERGEABLE = frozenset({"none", "nf4", "fp4"})


class Merged(Exporter):
    """W + s B A (or what the method adds) becomes the weight; a base in 4 bits is expanded first."""

    card: ClassVar[Card] = Card(
        title="Merged model",
        summary="Base model and adapter as one model: safetensors, tokenizer, configuration, card.",
        use_when="Another program shall load it, and it knows nothing of adapters.",
        recommended=True,
    )
    name: Literal["merged"] = "merged"
    dtype: NumberFormat = Field(
        default="auto",
        title="Number format",
        description="Of the written weights; auto takes that of the base model's files.",
        json_schema_extra=because("Fewer bits than the base has would round it; more only make larger files."),
    )

    @classmethod
    def refusal(cls, method: Spec, quantization: Spec, *, is_whole: bool) -> str:
        """Methods without weights that could be added, and formats whose layers round what goes in."""
        if why := super().refusal(method, quantization, is_whole=is_whole):
            return why
        if not method.card.can_merge:
            return f"{method.card.title} has no weights that could be added to the base model's; export the adapter."
        if getattr(method, "alora_invocation", ""):
            return "It works from its invocation on only, which merged weights cannot; export the adapter."
        if MERGEABLE.isdisjoint(quantization.lineage()):
            return (
                f"On {quantization.card.title} the model also rounds what goes into its layers, which merged weights "
                "cannot do: it would answer otherwise. Export the adapter."
            )
        return ""

    def suggested_name(self) -> str:
        """With the number format, unless it is the base model's."""
        return self.name if self.dtype == "auto" else f"{self.name}-{self.dtype}"

    def write(self, bench: Bench, folder: Path) -> Verified:
        """Merge layer by layer, write, load again, compare."""
        return bench.merge(folder, self.dtype)
