"""Arrow's record batches as rows."""

from collections.abc import Iterator
from typing import Any

from backend.data.rows import Row, RowProblem

BATCH_ROWS = 64
MAX_COLUMNS = 1_000


def rows_of(batch: Any, before: int) -> Iterator[Row | RowProblem]:  # noqa: ANN401 - pyarrow has no types
    """Rows numbered from `before` + 1; only BATCH_ROWS at a time are Python objects."""
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield from _portion(batch.slice(start, BATCH_ROWS), before + start)


def _portion(batch: Any, before: int) -> Iterator[Row | RowProblem]:  # noqa: ANN401 - pyarrow has no types
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
