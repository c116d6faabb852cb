"""From curves with their tags to the charts of a board: which lines share a picture, and in which order."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from backend.domain.board import NUM_COLORS, Chart, Line, Mark
from backend.domain.curve_names import heading_of, natural, slot_of, unit_of
from backend.domain.run_groups import SEED, group

MAX_MARKED = 3  # sources; beyond, their attempts and checkpoints would hide the curves
PINNED = "Pinned"


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A source that is looked at; `settings` is its run's configuration, flat, empty if it is not known."""

    id: str
    label: str
    tags: Collection[str]
    color: int = 0
    marks: tuple[Mark, ...] = ()
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a person wants it: the settings to group by, the source to subtract, the tags whose charts come first."""

    group_by: str = ""
    baseline: str = ""
    pinned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Bundle:
    """A source, or a group of sources, that makes one line per tag."""

    sources: tuple[ShownSource, ...]
    label: str
    color: int


def build_charts(sources: Sequence[ShownSource], wanted: Wanted | None = None) -> tuple[Chart, ...]:
    """Every tag of every source in exactly one chart; pinned charts first, then by heading.

    Of a single source, train and eval of a metric share a chart, as do the parts of a step and the devices. Of
    several, each tag has a chart of its own. A chart's id is its first tag.
    """
    wanted = wanted or Wanted()
    bundles = _bundles(sources, wanted)
    baseline = next((source for source in sources if source.id == wanted.baseline and len(sources) > 1), None)
    tags = sorted({tag for source in sources for tag in source.tags}, key=natural)
    marks = _marks(sources)
    is_single = len(sources) == 1
    charts = [_chart(own, is_single, bundles, baseline, wanted.pinned, marks) for own in _slots(tags, is_single)]
    return tuple(sorted(charts, key=_order))


def _slots(tags: Sequence[str], is_single: bool) -> list[list[str]]:
    if not is_single:
        return [[tag] for tag in tags]
    slots: dict[str, list[str]] = {}
    for tag in tags:
        slots.setdefault(slot_of(tag).key, []).append(tag)
    return [sorted(own, key=lambda tag: slot_of(tag).place) for own in slots.values()]


def _chart(
    tags: Sequence[str],
    is_single: bool,
    bundles: Sequence[_Bundle],
    baseline: ShownSource | None,
    pinned: frozenset[str],
    marks: tuple[Mark, ...],
) -> Chart:
    first, slot = tags[0], slot_of(tags[0])
    minus = baseline if baseline and first in baseline.tags else None
    lines = [line for tag in tags for bundle in bundles if (line := _line(tag, bundle, minus))]
    if is_single:
        lines = [_of_one_source(line, place) for place, line in enumerate(lines)]
    is_pinned = not pinned.isdisjoint(tags)
    title = slot.title if len(tags) > 1 else first
    return Chart(
        id=first,
        title=f"{title}, difference to {minus.label}" if minus else title,
        lines=tuple(lines),
        marks=marks,
        unit=unit_of(first),
        group=PINNED if is_pinned else heading_of(first)[1],
        is_pinned=is_pinned,
        is_stacked=slot.is_stacked and len(tags) > 1,
    )


def _line(tag: str, bundle: _Bundle, minus: ShownSource | None) -> Line | None:
    own = [source for source in bundle.sources if tag in source.tags]
    if not own:
        return None
    label = f"{bundle.label} ({_size(own)})" if len(own) > 1 else bundle.label
    return Line(tuple(source.id for source in own), tag, label, bundle.color, minus=minus.id if minus else None)


def _size(own: Sequence[ShownSource]) -> str:
    """How many runs; and how many seeds where these are fewer, since the same seed again tells nothing of a spread."""
    seeds = {source.settings[SEED] for source in own if SEED in source.settings}
    runs = f"{len(own)} runs"
    return f"{runs}, {len(seeds)} seed{'s' if len(seeds) > 1 else ''}" if 0 < len(seeds) < len(own) else runs


def _of_one_source(line: Line, place: int) -> Line:
    """Told apart by the tag: its name and a colour of its own, the first one the run's."""
    return replace(line, label=line.tag, color=(line.color + place) % NUM_COLORS)


def _bundles(sources: Sequence[ShownSource], wanted: Wanted) -> list[_Bundle]:
    if not wanted.group_by:
        return [_Bundle((source,), source.label, source.color) for source in sources]
    known = {source.id: source for source in sources}
    bundles: list[_Bundle] = []
    taken: set[int] = set()
    for own in group({source.id: source.settings for source in sources}, wanted.group_by):
        members = tuple(known[source] for source in own.sources)
        color = _free_color(members[0].color, taken)
        bundles.append(_Bundle(members, own.name or members[0].label, color))
    return bundles


def _free_color(wanted: int, taken: set[int]) -> int:
    """The wanted one unless another group has it; with more groups than colours they come again."""
    free = [wanted, *range(NUM_COLORS)]
    color = next((color for color in free if color not in taken), wanted)
    taken.add(color)
    return color


def _marks(sources: Sequence[ShownSource]) -> tuple[Mark, ...]:
    if len(sources) > MAX_MARKED:
        return ()
    return tuple(mark for source in sources for mark in source.marks)


def _order(chart: Chart) -> tuple[object, ...]:
    rank, heading = heading_of(chart.id)
    slot = slot_of(chart.id)
    return not chart.is_pinned, rank, natural(heading), heading, natural(slot.title), slot.place, natural(chart.id)
