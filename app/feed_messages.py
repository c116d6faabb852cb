"""What a browser may ask of the curve feed, checked before anything is done with it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from backend.domain.board import Board, Chart, Line, Look, Mark, Spread, XAxis
from backend.services.curve_feed import View
from backend.services.curve_sources import MAX_PATH_LENGTH

MAX_MESSAGE_CHARACTERS = 2 * 1024**2  # room for some 20,000 lines
MAX_CHARTS = 1_000
MAX_LINES = 1_000  # of one chart
MAX_PIXELS = 8_000

# As long and as strange as folders may be called: one name that is refused takes all charts with it.
Source = Annotated[str, Field(max_length=MAX_PATH_LENGTH + 100, pattern=r"^(run|dir):")]
Name = Annotated[str, Field(max_length=500)]  # a tag, with the nested folder that it comes from
Step = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class LineAsked(_Message):
    """A line, without what only the browser needs: its label and its colour."""

    sources: Annotated[tuple[Source, ...], Field(min_length=1, max_length=200)]
    tag: Name
    minus: Source | None = None


class MarkAsked(_Message):
    """A mark whose place on the axis is asked for."""

    source: Source
    step: Step


class ChartAsked(_Message):
    """The lines and marks of one chart."""

    id: Name
    lines: Annotated[tuple[LineAsked, ...], Field(max_length=MAX_LINES)]
    marks: Annotated[tuple[MarkAsked, ...], Field(max_length=MAX_LINES)] = ()


class LookAsked(_Message):
    """The part of a look that changes which points are sent."""

    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    x: XAxis = XAxis.STEP
    is_log_x: bool = False
    shows_ghosts: bool = True
    spread: Spread = Spread.DEVIATION


class BoardAsked(_Message):
    """All charts of a board, and how they are looked at."""

    kind: Literal["board"]
    question: Annotated[int, Field(ge=0, lt=2**32)]
    charts: Annotated[tuple[ChartAsked, ...], Field(max_length=MAX_CHARTS)]
    look: LookAsked

    def board(self) -> Board:
        """As the feed takes it; what only the browser knows is left empty."""
        return Board(tuple(map(_chart, self.charts)), Look(**self.look.model_dump()))


class ViewAsked(_Message):
    """What is on the screen now."""

    kind: Literal["view"]
    question: Annotated[int, Field(ge=0, lt=2**32)]
    visible: Annotated[tuple[Name, ...], Field(max_length=MAX_CHARTS)]
    pixels: Annotated[int, Field(ge=1, le=MAX_PIXELS)]
    window: tuple[Finite, Finite] | None = None

    def view(self) -> View:
        """As the feed takes it."""
        return View(frozenset(self.visible), self.pixels, self.window)


Asked = BoardAsked | ViewAsked
_ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="kind")])


def read_message(text: str) -> Asked:
    """A checked message. Raises pydantic's ValidationError."""
    return _ASKED.validate_json(text)


def _chart(asked: ChartAsked) -> Chart:
    lines = tuple(Line(line.sources, line.tag, "", minus=line.minus) for line in asked.lines)
    marks = tuple(Mark(mark.source, mark.step, "", "") for mark in asked.marks)
    return Chart(asked.id, "", lines, marks)
