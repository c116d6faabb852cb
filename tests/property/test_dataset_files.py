"""Any bytes under any ending: rows and problems, or DataError, and nothing else."""

import csv
import io
import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.data.choice import Columns, DatasetChoice
from backend.data.examples import Conversation, PlainText
from backend.data.formats import formats
from backend.data.inspection import inspect
from backend.data.loading import load, split
from backend.data.readers import READERS, read_rows
from backend.data.rows import Row
from backend.errors import DataError
from config.catalog import SAMPLES

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
WORDS = TEXT.filter(str.strip).filter(lambda text: "\r" not in text)  # line ends become \n
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PIECES = st.sampled_from(
    [
        *(b'{"messages": [', b'{"role": "user", "content": "a"}', b"]}", b'{"prompt": "a", "completion": "b"}'),
        *(b"\n", b'"', b",", b"\r", b"[", b"{", b"\xef\xbb\xbf", b"\xff", b"NaN", b"\\ud800", b"\x00", b"text"),
        *(b"1e999", b"PAR1"),
    ]
)
BYTES = st.binary(max_size=300) | st.lists(PIECES, max_size=20).map(b"".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasets")


def look(path: Path) -> None:
    """Inspect and load agree, and both raise nothing but DataError."""
    choice = DatasetChoice(path=str(path))
    try:
        summary = inspect(choice, path.parent)
    except DataError:
        with pytest.raises(DataError):
            load(choice, path.parent, seed=1)
        return
    try:
        loaded = load(choice, path.parent, seed=1)
    except DataError:
        assert summary.num_problems > 0
        return
    assert summary.num_problems == 0
    assert loaded.num_rows == summary.num_rows
    assert len(set(loaded.train) | set(loaded.validation)) == summary.num_rows - summary.num_duplicates


@pytest.mark.parametrize("ending", READERS)
@given(content=BYTES)
def test_random_bytes_never_crash_a_reader(folder: Path, ending: str, content: bytes) -> None:
    path = folder / f"random{ending}"
    path.write_bytes(content)
    look(path)


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
@given(data=st.data())
def test_damaged_samples_never_crash_a_reader(folder: Path, name: str, data: st.DataObject) -> None:
    whole = (SAMPLES / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.integers(at, len(whole)))
    path = folder / f"damaged-{name}"
    path.write_bytes(whole[:at] + data.draw(st.binary(max_size=4)) + whole[cut:])
    look(path)


@given(rows=st.lists(st.dictionaries(TEXT, VALUES, max_size=4), max_size=8))
def test_json_comes_back_as_it_was_written(folder: Path, rows: list[dict[str, object]]) -> None:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert [row.fields for row in read_rows(path) if isinstance(row, Row)] == rows


@given(rows=st.lists(st.tuples(WORDS, WORDS), max_size=8), delimiter=st.sampled_from(",;\t"))
def test_csv_comes_back_as_it_was_written(folder: Path, rows: list[tuple[str, str]], delimiter: str) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("question", "answer"), *rows])
    path = folder / "rows.csv"
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    assert [tuple(row.fields.values()) for row in read_rows(path) if isinstance(row, Row)] == rows


@given(texts=st.lists(TEXT | st.none(), min_size=1, max_size=600))
def test_parquet_comes_back_as_it_was_written(folder: Path, texts: list[str | None]) -> None:
    path = folder / "rows.parquet"
    pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), path)
    assert [row.fields["text"] for row in read_rows(path) if isinstance(row, Row)] == texts


@given(
    texts=st.lists(st.integers(0, 30).map(lambda n: PlainText(str(n))), min_size=1, max_size=60),
    fraction=st.floats(0, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_split_keeps_every_row_once_and_leaks_nothing(texts: list[PlainText], fraction: float, seed: int) -> None:
    train, validation = split(tuple(texts), fraction, seed)
    assert sorted(e.text for e in texts) == sorted(e.text for e in (*train, *validation))
    assert not set(train) & set(validation)
    assert train
    assert split(tuple(texts), fraction, seed) == (train, validation)
    distinct = len(set(texts))
    expected = 0 if fraction == 0 or distinct < 2 else max(1, round(distinct * fraction))
    assert len(set(validation)) == expected
    order = {example: index for index, example in reversed(list(enumerate(texts)))}
    assert [order[e] for e in dict.fromkeys(train)] == sorted(order[e] for e in set(train))


@given(value=st.floats() | st.integers() | VALUES)
def test_whatever_stands_in_a_cell_gives_text_or_a_problem(value: object) -> None:
    for each in formats():
        for column in ("messages", "conversations", "instruction", "prompt", "text"):
            fields = {column: value, "output": "x", "completion": "x"}
            found = each.read(fields, Columns())
            assert isinstance(found, Conversation | PlainText | str)
            if isinstance(value, float) and not math.isfinite(value):
                assert isinstance(found, str) or "nan" not in repr(found)
