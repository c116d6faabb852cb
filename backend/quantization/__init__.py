"""The number formats of the base weights; a new one is one file and one name in this union."""

from typing import Annotated

from pydantic import Field

from backend.plugins.joining import Joined
from backend.plugins.kinds import PluginKind
from backend.quantization.fp4 import Fp4
from backend.quantization.int8 import Int8
from backend.quantization.nf4 import Nf4
from backend.quantization.none import NoQuantization

Quantization = Annotated[
    NoQuantization | Nf4 | Fp4 | Int8, Field(discriminator="name"), Joined(PluginKind.QUANTIZATIONS)
]

__all__ = ["Fp4", "Int8", "Nf4", "NoQuantization", "Quantization"]
