"""Parquet, batch by batch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.data.errors import DatasetUnreadable
from backend.data.rows import Row, RowProblem

BATCH_ROWS = 256
MAX_COLUMNS = 1_000


def read_parquet(path: Path) -> Iterator[Row | RowProblem]:
    """Rows from 1; a row whose values Python cannot hold is a problem. Only a batch is in memory."""
    import pyarrow as pa  # noqa: PLC0415 - pyarrow takes a tenth of a second that most commands do not need
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            if len(file.schema_arrow.names) > MAX_COLUMNS:
                raise DatasetUnreadable(path=path, reason=f"it has more than {MAX_COLUMNS:,} columns")
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield from _rows(batch, number)
                number += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DatasetUnreadable(path=path, reason=f"it is no whole Parquet file ({reason})") from error


def _rows(batch: Any, before: int) -> Iterator[Row | RowProblem]:  # noqa: ANN401 - pyarrow has no types
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError):  # text that is not UTF-8, dates beyond the year 9999
        rows = [_row(batch.slice(index, 1)) for index in range(batch.num_rows)]
    for number, fields in enumerate(rows, before + 1):
        yield RowProblem(number, fields) if isinstance(fields, str) else Row(number, fields)


def _row(batch: Any) -> dict[str, object] | str:  # noqa: ANN401 - pyarrow has no types
    try:
        return dict(batch.to_pylist()[0])
    except (ValueError, OverflowError) as error:
        return f"a value cannot be read: {' '.join(str(error).split())[:100]}"
