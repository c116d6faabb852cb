"""Reading one record that is no scalar: text, a histogram, images, hyperparameters."""

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from backend.domain.curve_records import Record
from backend.domain.curves import Kind, Place
from backend.errors import StorageError
from backend.event_files.crc import masked_crc
from backend.event_files.headers import FOOTER_BYTES, HEADER_BYTES
from backend.event_files.hparam_records import hparams
from backend.event_files.messages import Message
from backend.event_files.resync import open_file
from backend.event_files.value_records import histogram, images, text
from backend.event_files.wire import MalformedRecord

MAX_RECORD_BYTES = 8 * 1024**2

_SUMMARY, _VALUE, _TAG = 5, 1, 1
_DECODERS: dict[Kind, Callable[[Message], Record]] = {
    Kind.TEXT: text,
    Kind.HISTOGRAM: histogram,
    Kind.IMAGE: images,
    Kind.HPARAMS: hparams,
}


class EventRecordUnreadable(StorageError):
    """A record of an event file that cannot be shown."""

    id = "event-record-unreadable"
    what = "What was written for {tag} at step {step} cannot be shown."
    why = "{reason} ({file}, byte {offset})."
    fix = "Read the curves again; if the file is damaged, other records of it can still be shown."


def read_record(folder: Path, tag: str, kind: Kind, place: Place) -> Record:
    """What one record says about a tag of Curves.others; both checksums are right. Raises EventRecordUnreadable."""
    try:
        return _decoded(_payload(folder, place), tag, kind)
    except MalformedRecord as error:
        reason = f"The record holds {error}"
        raise EventRecordUnreadable(
            tag=tag, step=place.step, file=place.file, offset=place.offset, reason=reason
        ) from error


def _decoded(payload: bytes, tag: str, kind: Kind) -> Record:
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise MalformedRecord(f"something of the kind {kind.value}, which is not shown")
    return decoder(_value(payload, tag))


def _value(payload: bytes, tag: str) -> Message:
    """The last value of a tag in a record; without such, one whose tag got the name of its nested folder."""
    event = Message(payload, 0, len(payload))
    found = {value.text(_TAG): value for summary in event.all(_SUMMARY) for value in summary.all(_VALUE)}
    if tag in found:
        return found[tag]
    for name in sorted(found, key=len, reverse=True):
        if tag.endswith(f"/{name}"):
            return found[name]
    raise MalformedRecord("no such tag")


def _payload(folder: Path, place: Place) -> bytes:
    if not 0 <= place.length <= MAX_RECORD_BYTES:
        raise MalformedRecord(
            f"{place.length / 1024**2:.0f} MiB, more than the {MAX_RECORD_BYTES // 1024**2} that are shown"
        )
    opened = open_file(_path(folder, place.file))
    if opened is None:
        raise MalformedRecord("nothing: its file is gone or may not be read")
    handle, _ = opened
    try:
        frame = os.pread(handle, HEADER_BYTES + place.length + FOOTER_BYTES, max(0, place.offset - HEADER_BYTES))
    except OSError as error:
        raise MalformedRecord(f"bytes that the system does not give: {error.strerror}") from error
    finally:
        os.close(handle)
    header, payload, footer = frame[:8], frame[HEADER_BYTES:-FOOTER_BYTES], frame[-FOOTER_BYTES:]
    is_sound = (
        len(payload) == place.length == int.from_bytes(header, "little")
        and masked_crc(header) == int.from_bytes(frame[8:HEADER_BYTES], "little")
        and masked_crc(payload) == int.from_bytes(footer, "little")
    )
    if not is_sound:
        raise MalformedRecord("damaged or other bytes by now: a checksum is wrong")
    return payload


def _path(folder: Path, file: str) -> Path:
    words = PurePosixPath(file)
    path = (folder / words).resolve()
    if words.is_absolute() or ".." in words.parts or not path.is_relative_to(folder.resolve()):
        raise MalformedRecord("nothing: its file lies outside of the folder")
    return path
