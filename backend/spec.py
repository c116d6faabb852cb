"""The base of everything choosable: a frozen, validated choice that can describe itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.fields import FieldInfo


class ExampleKind(StrEnum):
    """What a dataset row can be: a format gives one kind, a recipe reads some."""

    CONVERSATION = "conversation"
    TEXT = "text"
    PREFERENCE = "preference"
    RATED = "rated"
    PROMPT = "prompt"


class Frozen(BaseModel):
    """Immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="strings")


@dataclass(frozen=True, slots=True)
class Card:
    """What a person reads before choosing.

    `requires` names conditions of the machine ("cuda"); `paper` is a title with a link or "". `quantizations` are
    the number formats of the base that it trains on. `unavailable` is why nobody can choose it, or "";
    `limits` are known failures on some models, `model_types` the only ones that it works on. `family` groups similar
    choices; `pros` and `cons` are sentences.
    """

    title: str
    summary: str
    use_when: str
    recommended: bool = False
    requires: tuple[str, ...] = ()
    paper: str = ""
    can_merge: bool = True
    quantizations: tuple[str, ...] = ("nf4", "fp4", "int8")
    unavailable: str = ""
    limits: str = ""
    model_types: tuple[str, ...] = ()
    family: str = ""
    pros: tuple[str, ...] = ()
    cons: tuple[str, ...] = ()

    @property
    def works_quantized(self) -> bool:
        """Whether it trains on any quantized base."""
        return bool(self.quantizations)


Kind = Literal["int", "float", "bool", "choice", "text", "list", "map", "lines"]
CONTAINERS = (tuple, list, Mapping)
KINDS: Mapping[Kind, tuple[object, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float,),
    "list": (tuple, list),
    "map": (Mapping,),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One knob of a spec, as a form draws it. `kind` says which control; bounds are inclusive unless open.

    `reason` is why the default is what it is, or "".
    """

    name: str
    label: str
    help: str
    kind: Kind
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    is_minimum_open: bool = False
    is_maximum_open: bool = False
    reason: str = ""


class Spec(Frozen):
    """A choice with its knobs. Subclasses have a `name: Literal[...]` field and a `card`."""

    card: ClassVar[Card]
    name: str

    @classmethod
    def spec_name(cls) -> str:
        """The literal that selects this spec in a configuration."""
        return str(get_args(cls.model_fields["name"].annotation)[0])

    @classmethod
    def lineage(cls) -> tuple[str, ...]:
        """Its name, then the names of the specs that it is derived from, the nearest first."""
        fields = [base.model_fields.get("name") for base in cls.__mro__ if issubclass(base, Spec)]
        return tuple(str(name) for field in fields if field for name in get_args(field.annotation)[:1])

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Every knob but the name, in the order of declaration."""
        return tuple(parameter(n, f) for n, f in cls.model_fields.items() if n != "name")

    def changed(self, **values: object) -> Self:
        """A validated copy with some knobs turned."""
        return type(self).model_validate(self.model_dump() | values)


class More(ABC):
    """Annotates a union, or a field with the name of a choice, that plugins may add to."""

    @abstractmethod
    def specs(self) -> tuple[type[Spec], ...]:
        """The further specs."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Their names."""


def members(union: object, *, with_more: bool = True) -> tuple[type[Spec], ...]:
    """The specs of a union `Annotated[A | B, Field(discriminator="name")]`, or of a single spec.

    Those of plugins come last; `with_more=False` leaves them out.
    """
    found = tuple(_walk(union))
    assert found, union
    more = [each for each in getattr(union, "__metadata__", ()) if isinstance(each, More) and with_more]
    return (*found, *(spec for each in more for spec in each.specs()))


def _walk(annotation: object) -> Iterable[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _walk(part)


def parameter(name: str, field: FieldInfo) -> Parameter:
    """Read a control's description from a pydantic field."""
    low, high, is_low_open, is_high_open = _bounds(field)
    more = (each for each in field.metadata if isinstance(each, More))
    choices = (*_choices(field.annotation), *(name for each in more for name in each.names()))
    return Parameter(
        name=name,
        label=field.title or name.replace("_", " ").capitalize(),
        help=field.description or "",
        kind="lines" if _extra(field).get("is_lines") else _kind(field.annotation, choices),
        default=field.get_default(call_default_factory=True, validated_data={}),
        minimum=low,
        maximum=high,
        choices=choices,
        is_minimum_open=is_low_open,
        is_maximum_open=is_high_open,
        reason=str(_extra(field).get("reason", "")),
    )


def because(reason: str, *, is_lines: bool = False) -> dict[str, JsonValue]:
    """Why a default is what it is, for `Field(json_schema_extra=because("..."))`; `is_lines`: typed line by line."""
    return {"reason": reason, "is_lines": is_lines} if is_lines else {"reason": reason}


def _extra(field: FieldInfo) -> Mapping[str, object]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _bounds(field: FieldInfo) -> tuple[float | None, float | None, bool, bool]:
    low = high = None
    is_low_open = is_high_open = False
    for item in field.metadata:
        low = getattr(item, "ge", low)
        high = getattr(item, "le", high)
        if getattr(item, "gt", None) is not None:
            low, is_low_open = item.gt, True
        if getattr(item, "lt", None) is not None:
            high, is_high_open = item.lt, True
    return low, high, is_low_open, is_high_open


def _choices(annotation: object) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(str(value) for value in get_args(annotation))
    return ()


def _kind(annotation: object, choices: tuple[str, ...]) -> Kind:
    if choices:
        return "choice"
    parts = [annotation] if get_origin(annotation) in CONTAINERS else list(get_args(annotation) or (annotation,))
    for kind, types in KINDS.items():
        if any(part in types or get_origin(part) in types for part in parts):
            return kind
    return "text"
