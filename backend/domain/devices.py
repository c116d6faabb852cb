"""How many devices one run trains on, and how the work is shared among them."""

from typing import Literal

from pydantic import Field

from backend.spec import Frozen, because


class Devices(Frozen):
    """One process per device; the effective batch is batch_size x gradient_accumulation x processes."""

    processes: int = Field(
        default=1,
        ge=1,
        le=64,
        title="Processes",
        description="Training processes, one per device.",
        json_schema_extra=because("One device is enough for most adapters, and keeps the others free."),
    )
    kind: Literal["auto", "cpu"] = Field(
        default="auto",
        title="Kind",
        description="auto: GPUs where the machine has some, else the CPU; cpu: the CPU.",
        json_schema_extra=because("A GPU is many times faster where there is one."),
    )
    memory_bytes: int | None = Field(
        default=None,
        ge=1,
        title="Memory",
        description="Free memory that each GPU must have before the run starts, in bytes; None asks for half of it.",
        json_schema_extra=because("Half of a GPU free is a careful guess for a model of unknown size."),
    )
    strategy: Literal["ddp", "fsdp", "deepspeed"] = Field(
        default="ddp",
        title="Strategy",
        description="ddp: each device holds the whole model; fsdp (FSDP 2) shares it out; deepspeed is refused yet.",
        json_schema_extra=because("The fastest one as long as the model fits on each device."),
    )
