"""Sample generations: fixed prompts that the model answers again and again while it trains."""

from pydantic import Field

from backend.spec import Frozen, because


class SamplePrompt(Frozen):
    """What the model is asked, perhaps under a system prompt."""

    user: str = Field(min_length=1, max_length=100_000, description="The question.")
    system: str | None = Field(default=None, max_length=100_000, description="The system prompt; None for none.")


class Samples(Frozen):
    """Answers to the same prompts every so many steps, written as TensorBoard text."""

    prompts: tuple[SamplePrompt | str, ...] = Field(
        default=(),
        max_length=64,
        description="Prompts to answer, each a text or {user, system}; none for no samples.",
        json_schema_extra=because("Nobody but you knows what to ask.", is_lines=True),
    )
    every_steps: int | None = Field(
        default=None,
        ge=1,
        description="Steps between samples; None takes them when evaluations are due. The first ones are taken "
        "before the first step, the last ones at the end.",
        json_schema_extra=because("The answers then belong to the evaluations beside them."),
    )
    max_new_tokens: int = Field(
        default=64,
        ge=1,
        le=4096,
        description="Length limit of an answer, in tokens.",
        json_schema_extra=because("Enough to see the tone; longer ones hold up the training."),
    )
    temperature: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="0: always the likeliest token; above: drawn, from the same seed each time.",
        json_schema_extra=because("Without chance, answers differ only by what was learned."),
    )

    def asked(self) -> tuple[SamplePrompt, ...]:
        """All prompts in one form."""
        return tuple(SamplePrompt(user=prompt) if isinstance(prompt, str) else prompt for prompt in self.prompts)
