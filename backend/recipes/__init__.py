"""What is optimised; a new recipe is one file and one name in this union."""

from typing import Annotated

from pydantic import Field

from backend.plugins.joining import Joined
from backend.plugins.kinds import PluginKind
from backend.recipes.dpo import Dpo
from backend.recipes.grpo import Grpo
from backend.recipes.kto import Kto
from backend.recipes.orpo import Orpo
from backend.recipes.pretrain import Pretrain
from backend.recipes.reward import Reward
from backend.recipes.sft import Sft

Recipe = Annotated[
    Sft | Pretrain | Dpo | Orpo | Kto | Grpo | Reward, Field(discriminator="name"), Joined(PluginKind.RECIPES)
]

__all__ = ["Dpo", "Grpo", "Kto", "Orpo", "Pretrain", "Recipe", "Reward", "Sft"]
