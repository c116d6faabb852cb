"""What the Curves view shows, as the query of its address, so that a link restores it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from backend.domain.board import Look, Spread, XAxis
from backend.domain.name_filter import MAX_PATTERN

MAX_SMOOTHING = 0.999
MAX_SOURCES = 100
MAX_PINS = 50
MAX_ID = 500  # characters of a source or a tag
Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class CurveLink:
    """Sources, filters and look of the view. Defaults are left out of the address; `spread` is a band's meaning."""

    runs: tuple[str, ...] = ()
    tags: str = ""
    filter: str = ""
    smoothing: float = 0.0
    x: XAxis = XAxis.STEP
    logx: bool = False
    logy: bool = False
    outliers: bool = False
    ghosts: bool = True
    group: str = ""
    spread: Spread = Spread.DEVIATION
    baseline: str = ""
    pins: tuple[str, ...] = ()
    zoom: tuple[float, float] | None = None

    @property
    def look(self) -> Look:
        """How all charts are drawn."""
        return Look(
            smoothing=self.smoothing,
            x=self.x,
            is_log_x=self.logx,
            is_log_y=self.logy,
            ignores_outliers=self.outliers,
            shows_ghosts=self.ghosts,
            spread=self.spread,
            window=self.zoom,
        )


NAMES = tuple(field.name for field in fields(CurveLink))


def to_query(link: CurveLink) -> dict[str, list[str]]:
    """What differs from the defaults, as texts."""
    default = CurveLink()
    told = {name: getattr(link, name) for name in NAMES}
    return {name: _texts(value) for name, value in told.items() if value != getattr(default, name)}


def from_query(query: Query) -> CurveLink:
    """The link of any query: what is missing or makes no sense has its default; never raises."""
    x, spread = _last(query, "x"), _last(query, "spread")
    return CurveLink(
        runs=_several(query, "runs", MAX_SOURCES),
        tags=_last(query, "tags")[:MAX_PATTERN],
        filter=_last(query, "filter")[:MAX_PATTERN],
        smoothing=min(max(_number(_last(query, "smoothing")) or 0.0, 0.0), MAX_SMOOTHING),
        x=XAxis(x) if x in set(XAxis) else XAxis.STEP,
        logx=_flag(query, "logx", False),
        logy=_flag(query, "logy", False),
        outliers=_flag(query, "outliers", False),
        ghosts=_flag(query, "ghosts", True),
        group=_last(query, "group")[:MAX_ID],
        spread=Spread(spread) if spread in set(Spread) else Spread.DEVIATION,
        baseline=_last(query, "baseline")[:MAX_ID],
        pins=_several(query, "pins", MAX_PINS),
        zoom=window_of(_last(query, "zoom")),
    )


def window_of(text: str) -> tuple[float, float] | None:
    """The part of the x axis in a text such as "10~250"; None if it is no such part."""
    low, tilde, high = text.partition("~")
    ends = _number(low), _number(high)
    if not tilde or ends[0] is None or ends[1] is None or ends[0] >= ends[1]:
        return None
    return ends[0], ends[1]


def _texts(value: object) -> list[str]:
    match value:
        case bool():
            return ["yes" if value else "no"]
        case float():
            return [_short(value)]
        case (float(low), float(high)):
            return [f"{_short(low)}~{_short(high)}"]
        case tuple():
            return [str(part) for part in value]
    return [str(value)]


def _short(number: float) -> str:
    """Exactly this number, without the zero that nobody needs."""
    return repr(number).removesuffix(".0")


def _last(query: Query, name: str) -> str:
    given = query.get(name) or [""]
    return given[-1]


def _several(query: Query, name: str, most: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one[:MAX_ID] for one in query.get(name, ()) if one))[:most]


def _flag(query: Query, name: str, default: bool) -> bool:
    return {"yes": True, "no": False}.get(_last(query, name).lower(), default)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
