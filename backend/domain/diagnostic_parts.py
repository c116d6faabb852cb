"""The parts of a diagnostics archive: their names, how much of each is kept, and the list that goes with them."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

LARGEST_PART_BYTES = 200_000
LARGEST_BYTES = 5_000_000
LIST = "contents.txt"
_LEFT_OUT = "[... the beginning is left out ...]\n"
_HEAD = """\
Diagnostics of PEFT Studio, {at}.

Secrets, home folders and the names of user and machine were replaced by what looks like them. That is a heuristic:
read the parts before you hand them on. The logs and journals of runs may quote rows of a dataset.

"""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the archive. `about` says what it holds."""

    name: str
    about: str
    text: str

    @property
    def size_bytes(self) -> int:
        """In the archive, before compression."""
        return len(self.text.encode())


def bounded(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The end of each part that is too long; parts that would make the whole too large are left out."""
    kept, total = [], 0
    for part in parts:
        shorter = Part(part.name, part.about, _end_of(part.text))
        if total + shorter.size_bytes <= LARGEST_BYTES:
            kept.append(shorter)
            total += shorter.size_bytes
    return tuple(kept)


def archive(parts: Sequence[Part], at: datetime) -> bytes:
    """A zip file of the parts behind a list of them."""
    lines = (f"{part.name:<28} {part.size_bytes:>9,} bytes  {part.about}\n" for part in parts)
    listed = Part(LIST, "", _HEAD.format(at=at.isoformat(timespec="seconds")) + "".join(lines))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in (listed, *parts):
            entry = zipfile.ZipInfo(part.name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, part.text.encode())
    return written.getvalue()


def _end_of(text: str) -> str:
    data = text.encode(errors="replace")
    if len(data) <= LARGEST_PART_BYTES:
        return data.decode()
    return _LEFT_OUT + data[-LARGEST_PART_BYTES:].decode(errors="ignore")
