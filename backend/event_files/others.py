"""OtherRecords: where the records lie that hold something else than scalars, of one file and in bounded number."""

from collections.abc import Iterable, Iterator

from backend.domain.curve_merging import Found, lower
from backend.domain.curves import Kind, Place

MAX_PLACES = 10_000  # per tag
_MAX_PLACES_PER_FILE = 50_000
_MAX_TAGS = 2_000


class _Tag:
    def __init__(self) -> None:
        self.kind: Kind | None = None
        self.places: list[Place] = []
        self.cut: int | None = None  # the lowest step written


class OtherRecords:
    """Places per tag; a step that goes back drops what it repeats, and of too many every second is forgotten."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._tags: dict[str, _Tag] = {}
        self.num_added = 0

    @property
    def tags(self) -> Iterator[str]:
        """Tags with records, in the order of their first."""
        return iter(self._tags)

    def kind(self, tag: str) -> Kind | None:
        """What a tag holds, as the first record that says so has it."""
        return self._tags[tag].kind if tag in self._tags else None

    def places(self, tag: str) -> tuple[Place, ...]:
        """In the order of writing."""
        return tuple(self._tags[tag].places) if tag in self._tags else ()

    def lowest(self, tag: str) -> int | None:
        """The lowest step written for a tag."""
        return self._tags[tag].cut if tag in self._tags else None

    def cut(self, step: int) -> None:
        """A restart marker: drop the records from this step on."""
        for one in self._tags.values():
            _drop(one.places, step)

    def add(self, found: Iterable[Found]) -> None:
        """What was written next."""
        for record in found:
            self.num_added += 1
            one = self._tags.get(record.tag)
            if one is None:
                if len(self._tags) >= _MAX_TAGS:
                    continue
                one = self._tags[record.tag] = _Tag()
            one.kind = one.kind or record.kind
            one.cut = lower(one.cut, record.step)
            _drop(one.places, record.step + 1)
            one.places.append(Place(self._file, record.offset, record.length, record.step, record.wall_time))
            if len(one.places) > MAX_PLACES:
                del one.places[1:-1:2]
        self._bound()

    def _bound(self) -> None:
        while sum(len(one.places) for one in self._tags.values()) > _MAX_PLACES_PER_FILE:
            longest = max(self._tags.values(), key=lambda one: len(one.places))
            del longest.places[1:-1:2]


def _drop(places: list[Place], step: int) -> None:
    while places and places[-1].step >= step:
        places.pop()
