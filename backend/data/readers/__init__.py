"""Files as rows, in portions, whatever the file says about itself."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from backend.data.errors import DatasetKindUnknown, DatasetNotAFile, DatasetNotFound, DatasetUnreadable
from backend.data.readers.arrow_file import read_arrow
from backend.data.readers.csv_file import read_csv, read_tsv
from backend.data.readers.json_file import read_json
from backend.data.readers.jsonl_file import read_jsonl
from backend.data.readers.opening import COMPRESSED, kind_of
from backend.data.readers.parquet_file import read_parquet
from backend.data.readers.text_file import read_text_file
from backend.data.rows import Row, RowProblem

Reader = Callable[[Path], Iterator[Row | RowProblem]]

READERS: dict[str, Reader] = {
    ".jsonl": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".txt": read_text_file,
}
BINARY = (".parquet", ".arrow")  # which compress inside
ENDINGS = (*READERS, *(kind + suffix for kind in READERS if kind not in BINARY for suffix in COMPRESSED))  # for pickers


def read_rows(path: Path) -> Iterator[Row | RowProblem]:
    """Rows in their order; a row that cannot be read is a RowProblem.

    Raises DataError for the file as a whole, at the call or when rows are taken.
    """
    check_file(path)
    if not is_known(path):
        known = f"{', '.join(READERS)}, the text ones also as .gz or .zst"
        raise DatasetKindUnknown(path=path, suffix=path.suffix or "(none)", known=known)
    return _readable(path, READERS[kind_of(path)])


def is_known(path: Path) -> bool:
    """Whether a file of this name can be read."""
    kind = kind_of(path)
    return kind in READERS and (kind not in BINARY or path.suffix.lower() == kind)


def check_file(path: Path) -> None:
    """Only regular files are opened: a pipe or a device could block for ever. Raises DataError."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DatasetNotFound(path=path, reason=reason) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise DatasetNotAFile(path=path, kind=kind)


def _readable(path: Path, reader: Reader) -> Iterator[Row | RowProblem]:
    try:
        yield from reader(path)
    except OSError as error:  # no permission, a failing disk, a file that vanished
        raise DatasetUnreadable(path=path, reason=error.strerror or type(error).__name__) from error
