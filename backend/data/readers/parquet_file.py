"""Parquet, batch by batch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.data.errors import DatasetUnreadable
from backend.data.rows import Row, RowProblem

BATCH_ROWS = 256
MAX_COLUMNS = 1_000


def read_parquet(path: Path) -> Iterator[Row | RowProblem]:
    """Rows from 1; only a batch is in memory."""
    import pyarrow as pa  # noqa: PLC0415 - pyarrow takes a tenth of a second that most commands do not need
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(path) as file:
            if len(file.schema_arrow.names) > MAX_COLUMNS:
                raise DatasetUnreadable(path=path, reason=f"it has more than {MAX_COLUMNS:,} columns")
            yield from _rows(file)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DatasetUnreadable(path=path, reason=f"it is no whole Parquet file ({reason})") from error


def _rows(file: Any) -> Iterator[Row]:  # noqa: ANN401 - pyarrow has no types
    number = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        for fields in batch.to_pylist():
            number += 1
            yield Row(number, fields)
