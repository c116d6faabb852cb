"""What one browser session shows, remembers of its form, and prefers; frozen, changed by functions only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from backend.domain.board import XAxis
from backend.domain.json_value import JsonValue, frozen_mapping
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
class TrainingState:
    """The unfinished form of the Train view, and the store's version that the session has shown.

    `draft` is any JSON object; it is copied and frozen on the way in.
    """

    draft: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}))
    runs_version: int = 0

    def __post_init__(self) -> None:
        """Freeze the draft. Raises ValueError if it is no JSON object."""
        object.__setattr__(self, "draft", frozen_mapping(self.draft))


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """How answers are sampled; `temperature` 0 always takes the likeliest token."""

    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 256
    temperature: Annotated[float, Field(ge=0, le=5)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    is_base_shown: bool = True


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
    tour: Tour = field(default_factory=Tour)


@dataclass(frozen=True, slots=True)
class ApplicationState:
    """All of it. Two states are the same if they are equal."""

    view: ViewState = field(default_factory=ViewState)
    training: TrainingState = field(default_factory=TrainingState)
    ui: UIState = field(default_factory=UIState)


Updater = Callable[[ApplicationState], ApplicationState]
Observer = Callable[[ApplicationState, ApplicationState], None]
