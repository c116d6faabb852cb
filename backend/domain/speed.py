"""Levers of speed and memory: what each does, and what "auto" means."""

from typing import Literal

from pydantic import Field

from backend.spec import Frozen, because


class Speed(Frozen):
    """How the same losses are computed faster or in less memory. "auto" is settled by the trainer, which says why."""

    batches: Literal["auto", "flat", "padded"] = Field(
        default="auto",
        title="Batches",
        description="flat: rows end to end without padding, each attending only to itself; padded: a rectangle.",
        json_schema_extra=because("The trainer takes flat rows wherever the model allows: no time goes into padding."),
    )
    micro_batch_tokens: int | None = Field(
        default=None,
        ge=16,
        le=10_000_000,
        title="Tokens per micro-batch",
        description=(
            "The rows of a step (batch_size x gradient_accumulation) are dealt out anew to micro-batches of at most so "
            "many tokens, which changes no loss; None: what batch_size of the longest rows take, on a CPU at most 1024."
        ),
        json_schema_extra=because("Derived from the batch size, so that memory stays as expected."),
    )
    order: Literal["auto", "shuffled", "grouped"] = Field(
        default="auto",
        title="Order of rows",
        description="grouped: rows of similar length share a step (less padding, other steps); auto: shuffled.",
        json_schema_extra=because("Shuffled rows are the safe choice for learning; grouping changes the steps."),
    )
    logits: Literal["auto", "learned", "all"] = Field(
        default="auto",
        title="Logits",
        description="learned: scores only for tokens that count in the loss, in chunks; all: for every token.",
        json_schema_extra=because("Scores that nobody reads are not computed; the loss is the same."),
    )
    layers: Literal["auto", "lean", "library"] = Field(
        default="auto",
        title="Layers",
        description="lean: LoRA layers that keep and copy less for the same result; library: as they are.",
        json_schema_extra=because("The same result with less memory, where the method allows it."),
    )
    attention: Literal["auto", "sdpa", "flash_attention_2", "flex_attention", "eager"] = Field(
        default="auto",
        title="Attention",
        description="auto: ours for flat rows, else the library's choice; the others are the library's by name.",
        json_schema_extra=because("The quickest one that gives the same result here."),
    )
    liger: Literal["auto", "on", "off"] = Field(
        default="auto",
        title="Liger kernels",
        description="Fused norms and rotations for CUDA, if liger-kernel is installed; auto: used where it is.",
        json_schema_extra=because("Free speed where it is installed."),
    )
    dataloader_workers: int = Field(
        default=0,
        ge=0,
        le=64,
        title="Data workers",
        description="Processes that prepare batches ahead of time.",
        json_schema_extra=because("Rows are prepared ahead already; more processes help only for costly ones."),
    )
    allocator: Literal["auto", "heap", "mapped"] = Field(
        default="auto",
        title="Memory of a CPU",
        description=(
            "mapped: each large tensor has pages of its own, which go back at once: less memory, and forecasts that "
            "are nearly exact; heap: freed memory is kept for the next tensors, which is quicker; auto: mapped with "
            "gradient checkpointing. On a GPU it changes nothing."
        ),
        json_schema_extra=because("Time is spared unless somebody gives it for memory, as checkpointing does."),
    )
    expandable_segments: bool = Field(
        default=False,
        title="Expandable segments",
        description="CUDA memory grows in place and does not fall into pieces (PYTORCH_ALLOC_CONF); a little slower.",
        json_schema_extra=because("Helps only when memory is cut into pieces, and costs a little."),
    )
