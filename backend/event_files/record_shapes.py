"""RecordShapes: records recognised by what they have in common with one that was parsed before."""

from backend.event_files.event import Event, parse_event
from backend.event_files.tensor import FIXED_WIDTHS

_MAX_LENGTH = 4_096
_MAX_OF_ONE_LENGTH = 32
_MAX_LENGTHS = 1_024


class RecordShapes:
    """Parses records; one that differs from an earlier one only in its numbers costs one comparison.

    Which places there are in a record depends on the bytes outside of them alone (see event.py). May be shared by
    threads: at worst a layout is learned twice.
    """

    def __init__(self) -> None:
        self._known: dict[int, list[tuple[int, int, Event]]] = {}

    def event(self, record: bytes) -> Event:
        """The places of a record. Raises MalformedRecord."""
        number = int.from_bytes(record, "little")
        known = self._known.get(len(record), ())
        for mask, pattern, event in known:
            if number & mask == pattern:
                return event
        event = parse_event(record)
        if event.scalars and len(record) <= _MAX_LENGTH and len(known) < _MAX_OF_ONE_LENGTH:
            self._learn(number, len(record), event)
        return event

    def _learn(self, number: int, length: int, event: Event) -> None:
        if len(self._known) >= _MAX_LENGTHS:
            self._known.clear()
        mask = int.from_bytes(_mask(event, length), "little")
        self._known.setdefault(length, []).append((mask, number & mask, event))


def _mask(event: Event, length: int) -> bytes:
    """Ones for the bits that make up a layout: all but numbers, wall time and the digits of the step."""
    mask = bytearray(b"\xff" * length)
    if event.wall_time_at >= 0:
        mask[event.wall_time_at : event.wall_time_at + 8] = bytes(8)
    start, end = event.step_at
    mask[start:end] = b"\x80" * (end - start)  # the bit that says how long the step is
    for scalar in event.scalars:
        if scalar.number.raw:
            width = FIXED_WIDTHS[scalar.number.raw]
            mask[scalar.number.start : scalar.number.start + width] = bytes(width)
    return bytes(mask)
