"""Comma- or tab-separated values with a header line."""

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from backend.data.errors import DatasetUnreadable
from backend.data.readers.lines import MAX_LINE_BYTES, read_lines
from backend.data.rows import Row, RowProblem

MAX_COLUMNS = 1_000


def read_csv(path: Path) -> Iterator[Row | RowProblem]:
    """Rows by the header's names; numbers are lines, quoted cells may span several.

    The separator is a comma, or a semicolon (as spreadsheets write in half of Europe) or a tab if the header
    line has one and no comma.
    """
    texts = _texts(path)
    first = next(texts, "")
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    return _read(path, chain([first], texts), delimiter)


def read_tsv(path: Path) -> Iterator[Row | RowProblem]:
    """The same with tabs."""
    return _read(path, _texts(path), "\t")


def _read(path: Path, texts: Iterator[str], delimiter: str) -> Iterator[Row | RowProblem]:
    csv.field_size_limit(MAX_LINE_BYTES)  # of the whole process: the module's 128 KB cut no row, they refuse it
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield RowProblem(number, _explain(error))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(path, cells)
        elif len(cells) != len(header):
            yield RowProblem(number, f"{len(cells)} cells where the header has {len(header)}")
        else:
            yield Row(number, dict(zip(header, cells, strict=True)))


def _explain(error: csv.Error) -> str:
    """The module's own words, but for its commonest ones, which help nobody."""
    return "a quote is opened and never closed" if "end of data" in str(error) else str(error)


def _header(path: Path, cells: list[str]) -> list[str]:
    """Names of the columns; a nameless one (pandas writes one for its index) is called by its number."""
    names = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]
    if len(names) > MAX_COLUMNS:
        raise DatasetUnreadable(path=path, reason=f"its header has more than {MAX_COLUMNS:,} columns")
    if len(set(names)) < len(names):
        raise DatasetUnreadable(path=path, reason="its header names a column twice")
    return names


def _texts(path: Path) -> Iterator[str]:
    for number, line in read_lines(path):
        if line is None:
            raise DatasetUnreadable(path=path, reason=f"line {number} is longer than {MAX_LINE_BYTES:,} bytes")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DatasetUnreadable(path=path, reason=f"line {number} is not UTF-8 text") from error
        if "\x00" in text:
            raise DatasetUnreadable(path=path, reason=f"line {number} holds a NUL character")
        yield text + "\n"
