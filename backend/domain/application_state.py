"""What one browser session shows, remembers of its form, and prefers; frozen, changed by functions only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from backend.domain.board import XAxis
from backend.domain.chat import MOST_STOP_STRINGS, Sampling, StopString, Template
from backend.domain.json_value import JsonValue, frozen_mapping
from backend.domain.run_columns import DEFAULT
from backend.domain.tour import Tour


@dataclass(frozen=True, slots=True)
class ViewState:
    """Where the session is: the view by its name in the menu, the open run, the runs beside it.

    `curve_sources` were looked at last in the Curves view, such as `run:ID`.
    """

    current: str = "home"
    run_id: str | None = None
    compare_ids: tuple[str, ...] = ()
    curve_sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepForm:
    """What is typed of a sweep: one setting with its values a line, and what the runs are called and tagged."""

    text: Annotated[str, Field(max_length=20_000)] = ""
    is_list: bool = False
    pattern: Annotated[str, Field(max_length=200)] = ""
    tag: Annotated[str, Field(max_length=50)] = ""


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The unfinished form of the Train view, and the store's version that the session has shown.

    `draft` is any JSON object; it is copied and frozen on the way in. `basis` says what it was filled from, such as
    `preset:demo`, `profile:chat`, `run:ID`. `draft_id` and `draft_mark` are where and in which version it is kept
    among the unfinished forms; "" while it is not.
    """

    draft: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}))
    runs_version: int = 0
    basis: str = ""
    draft_id: str = ""
    draft_mark: str = ""
    sweep: SweepForm = field(default_factory=SweepForm)

    def __post_init__(self) -> None:
        """Freeze the draft. Raises ValueError if it is no JSON object."""
        object.__setattr__(self, "draft", frozen_mapping(self.draft))


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """How models are loaded and answers are sampled; `temperature` 0 always takes the likeliest token.

    `quantization` trained is that of the run. `question` is what was begun and not asked yet. `is_base_shown`: the
    base model answers beside a run unless the address says otherwise.
    """

    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 256
    temperature: Annotated[float, Field(ge=0, le=5)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    is_base_shown: bool = True
    top_k: Annotated[int, Field(ge=0, le=1000)] = 50
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    stop: Annotated[tuple[StopString, ...], Field(max_length=MOST_STOP_STRINGS)] = ()
    quantization: Literal["trained", "none", "nf4", "fp4", "int8"] = "trained"
    device: Literal["auto", "cpu"] = "auto"
    template: Template = "auto"
    question: Annotated[str, Field(max_length=100_000)] = ""

    @property
    def sampling(self) -> Sampling:
        """What the chat program is told."""
        return Sampling(
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            seed=self.seed,
            stop=self.stop,
        )

    def sampled_as(self, other: "ChatSettings") -> "ChatSettings":
        """These, with the other's way of sampling; length and seed stay."""
        names = Sampling.model_fields.keys() - {"max_new_tokens", "seed"}
        return replace(self, **{name: getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True)
class SamplingPreset:
    """A named way of sampling; of the settings only what concerns sampling counts."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    settings: ChatSettings


@dataclass(frozen=True, slots=True)
class RunsLook:
    """How the table of runs looks: its columns after the name, and what it is sorted by."""

    columns: Annotated[tuple[str, ...], Field(max_length=30)] = DEFAULT
    sort: Annotated[str, Field(max_length=200)] = "created"
    is_ascending: bool = False


@dataclass(frozen=True, slots=True)
class UIState:
    """Preferences that no theme knows. `smoothing` is the weight of the past in a curve, 0 for none.

    `is_log_axis` concerns the values of curves, `is_log_x` what they are drawn over.
    """

    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    is_log_axis: bool = False
    is_log_x: bool = False
    x_axis: XAxis = XAxis.STEP
    log_filter: Annotated[str, Field(max_length=1000)] = ""
    chat: ChatSettings = field(default_factory=ChatSettings)
    runs: RunsLook = field(default_factory=RunsLook)
    sampling_presets: Annotated[tuple[SamplingPreset, ...], Field(max_length=50)] = ()
    tour: Tour = field(default_factory=Tour)


@dataclass(frozen=True, slots=True)
class ApplicationState:
    """All of it. Two states are the same if they are equal."""

    view: ViewState = field(default_factory=ViewState)
    training: TrainingState = field(default_factory=TrainingState)
    ui: UIState = field(default_factory=UIState)


Updater = Callable[[ApplicationState], ApplicationState]
Observer = Callable[[ApplicationState, ApplicationState], None]
