"""The PEFT methods; a new one is one file and one name in this union."""

from typing import Annotated

from pydantic import Field

from backend.methods.adalora import Adalora
from backend.methods.adamss import Adamss
from backend.methods.base import Found, Head, PeftMethod, Targeted
from backend.methods.beft import Beft
from backend.methods.boft import Boft
from backend.methods.c3a import C3a
from backend.methods.cartridge import Cartridge
from backend.methods.cpt import Cpt
from backend.methods.deft import Deft
from backend.methods.delora import Delora
from backend.methods.dora import Dora
from backend.methods.family import LoraFamily
from backend.methods.fourierft import Fourierft
from backend.methods.freeze import Freeze
from backend.methods.frod import Frod
from backend.methods.full import Full
from backend.methods.glora import Glora
from backend.methods.gralora import Gralora
from backend.methods.hira import Hira
from backend.methods.hra import Hra
from backend.methods.ia3 import Ia3
from backend.methods.lily import Lily
from backend.methods.llama_adapter import LlamaAdapter
from backend.methods.ln_tuning import LnTuning
from backend.methods.loha import Loha
from backend.methods.lokr import Lokr
from backend.methods.lora import Lora
from backend.methods.miss import Miss
from backend.methods.multitask_prompt import MultitaskPrompt
from backend.methods.oft import Oft
from backend.methods.osf import Osf
from backend.methods.p_tuning import PTuning
from backend.methods.peanut import Peanut
from backend.methods.pissa import Pissa
from backend.methods.poly import Poly
from backend.methods.prefix import Prefix
from backend.methods.prompt import Prompt
from backend.methods.psoft import Psoft
from backend.methods.pvera import Pvera
from backend.methods.qlora import Qlora
from backend.methods.randlora import Randlora
from backend.methods.road import Road
from backend.methods.rslora import Rslora
from backend.methods.shadow import Shadow
from backend.methods.shira import Shira
from backend.methods.supertuning import Supertuning
from backend.methods.tinylora import Tinylora
from backend.methods.trainable_tokens import TrainableTokens
from backend.methods.unilora import Unilora
from backend.methods.vblora import Vblora
from backend.methods.vera import Vera
from backend.methods.waveft import Waveft
from backend.methods.whole import WholeMethod
from backend.methods.xlora import Xlora
from backend.plugins.joining import Joined
from backend.plugins.kinds import PluginKind

Method = Annotated[
    Lora
    | Qlora
    | Dora
    | Rslora
    | Pissa
    | Adalora
    | Vera
    | Ia3
    | Oft
    | Boft
    | Loha
    | Lokr
    | Fourierft
    | Miss
    | Randlora
    | Hra
    | Shira
    | Vblora
    | Road
    | C3a
    | Delora
    | Gralora
    | Hira
    | Waveft
    | Pvera
    | Tinylora
    | Unilora
    | Frod
    | Glora
    | Lily
    | Psoft
    | Deft
    | Peanut
    | Supertuning
    | Osf
    | Beft
    | LnTuning
    | Prompt
    | Prefix
    | PTuning
    | Cartridge
    | LlamaAdapter
    | TrainableTokens
    | Freeze
    | Full
    | Adamss
    | Poly
    | Cpt
    | MultitaskPrompt
    | Xlora
    | Shadow,
    Field(discriminator="name"),
    Joined(PluginKind.METHODS),
]

__all__ = [
    "Adalora",
    "Adamss",
    "Beft",
    "Boft",
    "C3a",
    "Cartridge",
    "Cpt",
    "Deft",
    "Delora",
    "Dora",
    "Found",
    "Fourierft",
    "Freeze",
    "Frod",
    "Full",
    "Glora",
    "Gralora",
    "Head",
    "Hira",
    "Hra",
    "Ia3",
    "Lily",
    "LlamaAdapter",
    "LnTuning",
    "Loha",
    "Lokr",
    "Lora",
    "LoraFamily",
    "Method",
    "Miss",
    "MultitaskPrompt",
    "Oft",
    "Osf",
    "PTuning",
    "Peanut",
    "PeftMethod",
    "Pissa",
    "Poly",
    "Prefix",
    "Prompt",
    "Psoft",
    "Pvera",
    "Qlora",
    "Randlora",
    "Road",
    "Rslora",
    "Shadow",
    "Shira",
    "Supertuning",
    "Targeted",
    "Tinylora",
    "TrainableTokens",
    "Unilora",
    "Vblora",
    "Vera",
    "Waveft",
    "WholeMethod",
    "Xlora",
]
