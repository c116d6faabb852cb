"""Layouts: what one record says about places, for all records that equal it outside of them."""

from dataclasses import dataclass

from backend.event_files.event import Event, parse_event
from backend.event_files.tensor import FIXED_WIDTHS

MAX_LENGTH = 65_536  # bytes of a record whose layout is worth remembering
_MAX_KNOWN_BYTES = 2 * 1024**2
_MAX_KNOWN = 8_192
_MAX_MASKS = 8  # per length
_STEP_KEY = b"\x10"
_FIXED = 0xFF
_DIGITS = 0x80  # of a byte of the step only the bit counts that says whether more follow


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A parsed record: its places, and ones in `mask` for the bits that make up the layout."""

    event: Event
    record: bytes
    mask: bytes

    @property
    def is_plain(self) -> bool:
        """Whether such records hold scalars and nothing else that we look at."""
        event = self.event
        is_short = len(self.record) <= MAX_LENGTH
        return is_short and bool(event.scalars) and not (event.is_restart or event.num_ignored or event.others)

    @property
    def tags(self) -> tuple[str, ...]:
        """Of its scalars."""
        return tuple(scalar.tag for scalar in self.event.scalars)

    def has_places_of(self, other: "Layout") -> bool:
        """Whether only tags and fixed bytes differ."""
        mine, its = self.event, other.event
        return (
            self.is_plain
            and self.mask == other.mask
            and (mine.wall_time_at, mine.step_at) == (its.wall_time_at, its.step_at)
            and [one.number for one in mine.scalars] == [one.number for one in its.scalars]
        )

    def with_step_of(self, num_bytes: int) -> "Layout | None":
        """The same with a step of so many bytes; None if that cannot be told without parsing."""
        event, record = self.event, self.record
        start, end = event.step_at
        if not event.is_in_order or not num_bytes:
            return None
        first = start - 1 if end else event.wall_time_at + 8
        rest = end or first
        step = _STEP_KEY + b"\x80" * (num_bytes - 1) + b"\x01"
        digits = bytes([_FIXED]) + bytes([_DIGITS]) * num_bytes
        return Layout(
            event.shifted((first + 1, first + len(step)), first + len(step) - rest),
            record[:first] + step + record[rest:],
            self.mask[:first] + digits + self.mask[rest:],
        )


def _layout(event: Event, record: bytes) -> Layout:
    mask = bytearray([_FIXED]) * len(record)
    if event.wall_time_at >= 0:
        mask[event.wall_time_at : event.wall_time_at + 8] = bytes(8)
    start, end = event.step_at
    mask[start:end] = bytes([_DIGITS]) * (end - start)
    for scalar in event.scalars:
        if scalar.number.raw:
            width = FIXED_WIDTHS[scalar.number.raw]
            mask[scalar.number.start : scalar.number.start + width] = bytes(width)
    return Layout(event, record, bytes(mask))


class Layouts:
    """The layouts that were met, so that a record like an earlier one needs no parsing; `is_full` if one was refused.

    Several threads may use it: in the worst case one of them parses what another is about to remember.
    """

    def __init__(self) -> None:
        self.is_full = False
        self._masks: dict[int, list[int]] = {}
        self._known: dict[tuple[int, int, int], Layout] = {}
        self._num_bytes = 0

    def find(self, record: bytes) -> Layout:
        """The layout of a record; the same object for every plain record alike. Raises MalformedRecord."""
        met = self.met(record)
        if met is not None:
            return met
        layout = _layout(parse_event(record), record)
        if layout.is_plain:
            self._remember(layout, int.from_bytes(record, "little"))
        return layout

    def met(self, record: bytes) -> Layout | None:
        """The layout of a record like one that was parsed before."""
        bits, length = int.from_bytes(record, "little"), len(record)
        for mask in self._masks.get(length, ()):
            known = self._known.get((length, mask, mask & bits))
            if known is not None:
                return known
        return None

    def known(self, layout: Layout) -> Layout:
        """The one layout that stands for all plain records like this one."""
        length, bits = len(layout.record), int.from_bytes(layout.record, "little")
        mask = int.from_bytes(layout.mask, "little")
        known = self._known.get((length, mask, mask & bits))
        if known is None and layout.is_plain:
            self._remember(layout, bits)
        return known or layout

    def _remember(self, layout: Layout, bits: int) -> None:
        length, mask = len(layout.record), int.from_bytes(layout.mask, "little")
        masks = self._masks.setdefault(length, [])
        if mask not in masks:
            if len(masks) >= _MAX_MASKS or len(self._known) >= _MAX_KNOWN:
                self.is_full = True
                return
            masks.append(mask)
        self._num_bytes += length
        if len(self._known) < _MAX_KNOWN and self._num_bytes <= _MAX_KNOWN_BYTES:
            self._known[length, mask, mask & bits] = layout
        else:
            self.is_full = True
