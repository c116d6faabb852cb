"""What every PEFT method is: a spec that gives peft's configuration, and says which layers it cannot go on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from backend.spec import Parameter, Spec, because

if TYPE_CHECKING:
    from peft import PeftConfig

Head = Literal["language", "score"]
Targets = Literal["linear", "norms", "recommended", "none"]
TASKS: Mapping[Head, str] = {"language": "CAUSAL_LM", "score": "SEQ_CLS"}
TARGETS_HELP = (
    'Names of linear layers ("q_proj", "v_proj"), or "all-linear" for each one but the output head. '
    "Names are looked up in the model; one that does not exist is an error."
)
PATTERN_HELP = "A regular expression for whole names of linear layers, in place of target modules."
PEFTS_OWN = "It is peft's own default."
LAYERS_HELP = "Numbers of the blocks that are adapted, from 0; empty for all."


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked up in the base model and its tokenizer; None leaves it to the method."""

    targets: tuple[str, ...] | None = None
    invocation: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()


class PeftMethod(Spec):
    """A method of peft. `words` says a knob in peft's words where they differ; `targets` what it goes on."""

    configuration: ClassVar[str]
    words: ClassVar[Mapping[str, str]] = {}
    own: ClassVar[frozenset[str]] = frozenset({"name", "target_modules", "target_pattern", "layers_to_transform"})
    targets: ClassVar[Targets] = "none"

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Every knob; a default without a reason of its own is peft's, which a test holds it to."""
        return tuple(knob if knob.reason else replace(knob, reason=PEFTS_OWN) for knob in super().parameters())

    def peft_config(self, head: Head = "language", found: Found | None = None) -> "PeftConfig":
        """The peft configuration that this choice stands for; imports peft.

        `head` "score" is for models that rate a text (AutoModelForSequenceClassification): their new head is
        trained and saved with the adapter.
        """
        import peft

        kind = getattr(peft, self.configuration)
        options: dict[str, Any] = {"task_type": TASKS[head]} | self.peft_options()
        if head == "score" and "modules_to_save" in kind.__dataclass_fields__:
            options["modules_to_save"] = ["score"]
        config: PeftConfig = kind(**options | self.found_options(found or Found()))
        return config

    def peft_options(self) -> dict[str, Any]:
        """The knobs in peft's words, without those that are looked up in the model."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name not in self.own}
        return {self.words.get(name, name): _plain(value) for name, value in values.items()}

    def found_options(self, found: Found) -> dict[str, Any]:
        """What was looked up, in peft's words."""
        return {} if found.targets is None else {"target_modules": list(found.targets)}

    def misfit(self, outputs: int, inputs: int) -> str:  # noqa: ARG002 - for those that have a limit
        """Why this choice cannot go on a linear layer of this shape, as a sentence; "" if it can."""
        return ""


class Targeted(PeftMethod):
    """A method that goes on linear layers."""

    targets: ClassVar[Targets] = "linear"
    target_modules: Literal["all-linear"] | tuple[str, ...] = Field(
        default="all-linear",
        title="Target modules",
        description=TARGETS_HELP,
        json_schema_extra=because("Adapting every linear layer learns more than attention alone."),
    )
    target_pattern: str = Field(
        default="",
        max_length=500,
        title="Target pattern",
        description=PATTERN_HELP,
        json_schema_extra=because("Names say it in almost every case."),
    )
    layers_to_transform: tuple[int, ...] = Field(
        default=(),
        title="Layers",
        description=LAYERS_HELP,
        json_schema_extra=because("Every block has its part in an answer."),
    )

    @field_validator("target_modules")
    @classmethod
    def _not_empty(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not value:
            raise ValueError('name at least one module, or use "all-linear"')
        return value

    @field_validator("layers_to_transform")
    @classmethod
    def _are_numbers_of_blocks(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(number < 0 for number in value):
            raise ValueError("blocks are counted from 0")
        return value

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if self.target_pattern and self.target_modules != "all-linear":
            raise ValueError("give target_modules or target_pattern, not both")
        return self

    def found_options(self, found: Found) -> dict[str, Any]:
        """The layers that were looked up, or the choice as it is."""
        if found.targets is not None:
            return {"target_modules": list(found.targets)}
        chosen = self.target_modules
        return {"target_modules": chosen if isinstance(chosen, str) else list(chosen)}


def rank_misfit(rank: int, outputs: int, inputs: int) -> str:
    """A matrix of `outputs` x `inputs` has no more than min(outputs, inputs) directions (its rank)."""
    most = min(outputs, inputs)
    return f"The rank {rank} is larger than {most}, a side of the layer." if rank > most else ""


def _plain(value: Any) -> Any:  # noqa: ANN401 - knobs have values of many types
    return list(value) if isinstance(value, tuple) else value
