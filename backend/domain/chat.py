"""What is asked in a chat, and what comes back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field, field_validator

from backend.errors import Explanation
from backend.quantization import NoQuantization, Quantization
from backend.spec import Frozen

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["eos", "length", "stopped", "stop-string"]
Template = Literal["auto", "studio"]
StopString = Annotated[str, Field(min_length=1, max_length=100)]
MOST_STOP_STRINGS = 8


class ChatMessage(Frozen):
    """One turn of a conversation."""

    role: Role
    content: str = Field(max_length=1_000_000)


class Sampling(Frozen):
    """How the next token is chosen. The same seed on the same machine gives the same answer."""

    max_new_tokens: int = Field(default=256, ge=1, le=32_768, title="Length", description="Longest answer, in tokens.")
    temperature: float = Field(
        default=0.7, ge=0, le=5, description="0 always takes the likeliest token; higher is more varied."
    )
    top_p: float = Field(
        default=0.95, gt=0, le=1, description="Only the likeliest tokens that together have this probability."
    )
    top_k: int = Field(default=50, ge=0, le=1000, description="Only this many likeliest tokens; 0 for all.")
    min_p: float = Field(
        default=0.0, ge=0, le=1, description="Only tokens at least this likely, relative to the likeliest; 0 for all."
    )
    repetition_penalty: float = Field(
        default=1.0, gt=0, le=10, description="Above 1, tokens that already occurred become less likely."
    )
    seed: int = Field(default=42, ge=0, lt=2**32, description="Seed of the random choice.")
    stop: tuple[StopString, ...] = Field(
        default=(), max_length=MOST_STOP_STRINGS, description="The answer ends before any of these texts."
    )


class ChatRequest(Frozen):
    """A conversation that ends with a question, and who is to answer it.

    `base_model` is a folder, a hub id or "demo"; `adapter` is a folder in peft's format, a checkpoint with weights of
    the model itself, or None for the base model alone. `trusted_code` is the hash of the model's own code that may run.
    `quantization` also takes a bare name such as "nf4". `template` auto is the adapter's, else the model's, else the
    studio's plain one; studio always takes the plain one. `device` auto is the first GPU, else the CPU.
    """

    id: str = Field(default_factory=lambda: uuid4().hex, min_length=1, max_length=100)
    base_model: str = Field(min_length=1, max_length=4096)
    revision: str | None = None
    trusted_code: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    adapter: str | None = None
    quantization: Quantization = Field(default_factory=NoQuantization)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: Literal["auto", "cpu"] = "auto"
    template: Template = "auto"
    messages: tuple[ChatMessage, ...] = Field(min_length=1, max_length=1000)
    sampling: Sampling = Field(default_factory=Sampling)

    @field_validator("quantization", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:  # noqa: ANN401 - raw input of any shape
        return {"name": value} if isinstance(value, str) else value

    @field_validator("base_model", "adapter")
    @classmethod
    def _no_nul(cls, value: str | None) -> str | None:
        if value is not None and "\x00" in value:
            raise ValueError("a path cannot contain a NUL character")
        return value

    @field_validator("messages")
    @classmethod
    def _ends_with_a_question(cls, value: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
        if value[-1].role != "user":
            raise ValueError("the last message must be the user's: it is the one to answer")
        return value


class ChatPhase(StrEnum):
    """What happens before the first token."""

    STARTING = "starting"
    LOADING = "loading"
    LOADED = "loaded"
    ADAPTING = "adapting"
    READING = "reading"


@dataclass(frozen=True, slots=True)
class Progress:
    """A sign of life before the answer begins.

    LOADED also tells the bytes of the model's weights as they are in memory, and the device; READING tells in
    `detail` whose chat template is used.
    """

    phase: ChatPhase
    detail: str = ""
    memory_bytes: int | None = None
    device: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the answer, whole characters only; `num_tokens` counts the answer's tokens so far."""

    text: str
    num_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete. `seconds` is the time of generation, without loading.

    `first_token_seconds` is the part of it up to the first token, None if there was none.
    """

    num_tokens: int
    seconds: float
    finish_reason: FinishReason
    first_token_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer, or no more of it."""

    error: Explanation


ChatEvent = Progress | Token | Done | Failed


@dataclass(frozen=True, slots=True)
class ChatStatus:
    """The inference process as it is now.

    `memory_bytes` is its resident memory; `idle_seconds` is the time since the last answer, 0 during one.
    `model_bytes` are the model's weights as measured after loading, on `device`; `quantization` is how they are kept.
    After `idle_limit_seconds` without a question the process ends by itself.
    """

    is_loaded: bool = False
    base_model: str | None = None
    pid: int | None = None
    memory_bytes: int | None = None
    idle_seconds: float = 0.0
    model_bytes: int | None = None
    device: str = ""
    quantization: str = ""
    idle_limit_seconds: float | None = None
