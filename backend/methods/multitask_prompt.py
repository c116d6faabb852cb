"""Multitask prompt tuning: One shared prompt and a small change per task."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import PeftMethod
from backend.spec import Card, because


class MultitaskPrompt(PeftMethod):
    """One shared prompt and a small change per task.

    Multitask Prompt Tuning Enables Parameter-Efficient Transfer Learning, https://arxiv.org/abs/2303.02861
    """

    card: ClassVar[Card] = Card(
        title="Multitask prompt tuning",
        summary="One shared prompt and a small change per task.",
        use_when="Several tasks at once.",
        family="Prompts",
        pros=("Tasks share what they have in common.",),
        cons=("Needs a task number for each row.",),
        paper="Multitask Prompt Tuning Enables Parameter-Efficient Transfer Learning, https://arxiv.org/abs/2303.02861",
        can_merge=False,
        unavailable="It needs a task number for each row, which no dataset format gives.",
        quantizations=(),
    )
    configuration: ClassVar[str] = "MultitaskPromptTuningConfig"
    words: ClassVar[Mapping[str, str]] = {"tokens": "num_virtual_tokens"}
    name: Literal["multitask_prompt"] = "multitask_prompt"
    tokens: int = Field(
        default=16,
        ge=1,
        le=4096,
        description="Learned tokens that are put before every text.",
        json_schema_extra=because("Enough to steer, and short enough to leave the context free."),
    )
