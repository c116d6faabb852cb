"""No quantization: the base weights keep the precision they are loaded with."""

from typing import ClassVar, Literal

from backend.spec import Card, Spec


class NoQuantization(Spec):
    """Base weights as they are."""

    card: ClassVar[Card] = Card(
        title="None",
        summary="The base weights keep their number format.",
        use_when="The model fits in memory as it is.",
        recommended=True,
    )
    name: Literal["none"] = "none"

    def load_options(self, precision: str) -> dict[str, object]:  # noqa: ARG002 - as in every quantization
        """Nothing to add to `from_pretrained`, whatever the precision."""
        return {}
