"""How many devices one run trains on, and how the work is shared among them."""

from typing import Literal

from pydantic import Field

from backend.spec import Frozen


class Devices(Frozen):
    """One process per device; the effective batch is batch_size x gradient_accumulation x processes."""

    processes: int = Field(default=1, ge=1, le=64, title="Processes", description="Training processes, one per device.")
    strategy: Literal["ddp", "fsdp", "deepspeed"] = Field(
        default="ddp",
        title="Strategy",
        description="ddp: each device holds the whole model; fsdp (FSDP 2) shares it out; deepspeed is refused yet.",
    )
