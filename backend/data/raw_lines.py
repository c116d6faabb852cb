"""The bytes of a text file line by line: marks and encodings that no reader shows."""

from dataclasses import dataclass, field
from pathlib import Path

from backend.data.readers.lines import UTF8_MARK, read_lines

TEXT_ENDINGS = frozenset({".jsonl", ".json", ".csv", ".tsv", ".txt"})
MAX_BYTES = 256_000_000  # about two seconds; what comes behind is not looked at


@dataclass(slots=True)
class RawLines:
    """Lines with a byte-order mark inside, and lines that are not UTF-8 with their first wrong byte (from 1)."""

    marked: list[int] = field(default_factory=list)
    broken: dict[int, int] = field(default_factory=dict)


def scan(path: Path) -> RawLines:
    """Look at the first MAX_BYTES of a text file; nothing is found in others. Raises DatasetUnreadable, OSError."""
    found = RawLines()
    if path.suffix.lower() not in TEXT_ENDINGS:
        return found
    num_bytes = 0
    for number, line in read_lines(path):  # the mark at the very beginning is taken away there
        if line is None:
            continue
        num_bytes += len(line)
        if num_bytes > MAX_BYTES:
            break
        if UTF8_MARK in line:
            found.marked.append(number)
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            found.broken[number] = error.start + 1
    return found
