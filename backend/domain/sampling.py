"""Sample generations: fixed prompts that the model answers again and again while it trains."""

from pydantic import Field

from backend.spec import Frozen


class Samples(Frozen):
    """Answers to the same prompts every so many steps, written as TensorBoard text."""

    prompts: tuple[str, ...] = Field(default=(), max_length=64, description="Prompts to answer; none for no samples.")
    every_steps: int | None = Field(
        default=None, ge=1, description="Steps between samples; None takes them with each evaluation."
    )
    max_new_tokens: int = Field(default=64, ge=1, le=4096, description="Length limit of an answer, in tokens.")
