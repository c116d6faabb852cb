"""The texts of a tag, read from the places that a reader of the curves has found."""

from collections.abc import Iterator
from pathlib import Path

from backend.domain.curves import Other, Place
from backend.event_files.wire import BYTES, MalformedRecord, fields

MAX_BYTES = 16_000_000  # of a record; longer texts are left out
_SUMMARY, _VALUE, _TAG, _TENSOR, _STRINGS = 5, 1, 1, 8, 8


def texts(folder: Path, other: Other) -> Iterator[tuple[int, str]]:
    """Step and text of each record of the tag, in the order of writing; what cannot be read is left out."""
    for place in other.places:
        record = _record(folder / place.file, place)
        try:
            found = list(_strings(record, other.tag))
        except MalformedRecord:
            continue
        if found:
            yield place.step, "\n".join(found)


def _record(path: Path, place: Place) -> bytes:
    """The payload; nothing if the file is gone, or shorter than it was."""
    if place.length > MAX_BYTES:
        return b""
    try:
        with path.open("rb") as file:
            file.seek(place.offset)
            return file.read(place.length)
    except OSError:
        return b""


def _strings(record: bytes, tag: str) -> Iterator[str]:
    """The strings of the tensors of a tag in an Event (tensorflow's event.proto, summary.proto, tensor.proto)."""
    for start, end in _below(record, 0, len(record), _SUMMARY):
        for first, stop in _below(record, start, end, _VALUE):
            names = [record[a:b].decode(errors="replace") for a, b in _below(record, first, stop, _TAG)]
            if names[-1:] == [tag]:
                for tensor in _below(record, first, stop, _TENSOR):
                    yield from (record[a:b].decode(errors="replace") for a, b in _below(record, *tensor, _STRINGS))


def _below(record: bytes, start: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the fields of one number lie that are messages or bytes."""
    for number, wire_type, first, stop in fields(record, start, end):
        if (number, wire_type) == (wanted, BYTES):
            yield first, stop
