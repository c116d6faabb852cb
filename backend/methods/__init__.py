"""The PEFT methods; a new one is one file and one name in this union."""

from typing import Annotated

from pydantic import Field

from backend.methods.dora import Dora
from backend.methods.lora import Lora
from backend.methods.pissa import Pissa
from backend.methods.qlora import Qlora
from backend.methods.rslora import Rslora

Method = Annotated[Lora | Qlora | Dora | Pissa | Rslora, Field(discriminator="name")]

__all__ = ["Dora", "Lora", "Method", "Pissa", "Qlora", "Rslora"]
