"""Arrow IPC files and streams, batch by batch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.data.errors import DatasetUnreadable
from backend.data.readers.batches import MAX_COLUMNS, rows_of
from backend.data.rows import Row, RowProblem

FILE_MARK = b"ARROW1"


def read_arrow(path: Path) -> Iterator[Row | RowProblem]:
    """Rows from 1; the file is memory-mapped, so that only what is looked at comes into memory."""
    import pyarrow as pa  # noqa: PLC0415 - pyarrow takes a tenth of a second that most commands do not need

    if path.stat().st_size == 0:
        return
    number = 0
    try:
        for batch in _batches(path):
            batch.validate(full=True)  # a stranger's offsets could lead out of the buffer
            yield from rows_of(batch, number)
            number += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if getattr(error, "errno", None):
            raise
        reason = " ".join(str(error).split())[:200]
        raise DatasetUnreadable(path=path, reason=f"it is no whole Arrow file ({reason})") from error


def _batches(path: Path) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415

    with path.open("rb") as file:
        is_file = file.read(len(FILE_MARK)) == FILE_MARK
    with pa.memory_map(str(path)) as source:
        opened = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        if len(opened.schema.names) > MAX_COLUMNS:
            raise DatasetUnreadable(path=path, reason=f"it has more than {MAX_COLUMNS:,} columns")
        if is_file:
            yield from (opened.get_batch(index) for index in range(opened.num_record_batches))
        else:
            yield from opened
