"""The number formats of the base weights; a new one is one file and one name in this union."""

from typing import Annotated

from pydantic import Field

from backend.quantization.nf4 import Nf4
from backend.quantization.none import NoQuantization

Quantization = Annotated[NoQuantization | Nf4, Field(discriminator="name")]

__all__ = ["Nf4", "NoQuantization", "Quantization"]
