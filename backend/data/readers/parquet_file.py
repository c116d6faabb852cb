"""Parquet, batch by batch."""

from collections.abc import Iterator
from pathlib import Path

from backend.data.errors import DatasetUnreadable
from backend.data.readers.batches import BATCH_ROWS, MAX_COLUMNS, rows_of
from backend.data.rows import Row, RowProblem

_BUFFER_BYTES = 1 << 20  # of each column, instead of whole row groups


def read_parquet(path: Path) -> Iterator[Row | RowProblem]:
    """Rows from 1; a row whose values Python cannot hold is a problem. Only a batch is in memory."""
    import pyarrow as pa  # noqa: PLC0415 - pyarrow takes a tenth of a second that most commands do not need
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    try:
        with pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            if len(file.schema_arrow.names) > MAX_COLUMNS:
                raise DatasetUnreadable(path=path, reason=f"it has more than {MAX_COLUMNS:,} columns")
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield from rows_of(batch, number)
                number += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DatasetUnreadable(path=path, reason=f"it is no whole Parquet file ({reason})") from error
