"""Any bytes under any ending: rows and problems, or DataError, and nothing else."""

import csv
import io
import json
import math
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.data.choice import Columns, DatasetChoice
from backend.data.examples import Conversation, Example, PlainText, Preference, Prompt, Rated, Turn
from backend.data.formats import formats
from backend.data.inspection import inspect
from backend.data.loading import load
from backend.data.packing import exact_hash, pack, unpack
from backend.data.readers import ENDINGS, read_rows
from backend.data.readers.json_file import _streamed
from backend.data.readers.json_stream import JsonStream
from backend.data.readers.json_text import JsonProblem
from backend.data.rows import Row
from backend.data.sides import epoch, first_of_each, held_out, is_among
from backend.errors import DataError
from config.catalog import SAMPLES

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
WORDS = TEXT.filter(str.strip).filter(lambda text: "\r" not in text)  # line ends become \n
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TURNS = st.builds(Turn, st.sampled_from(["system", "user", "assistant"]), TEXT)
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


@pytest.mark.parametrize("ending", ENDINGS)
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
    texts=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    fraction=st.floats(0, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_split_keeps_every_row_once_and_leaks_nothing(texts: list[int], fraction: float, seed: int) -> None:
    hashes = np.array(texts, dtype=np.uint64) << np.uint64(58)
    out = held_out(hashes, fraction, seed)
    train, validation = hashes[~out], hashes[out]
    assert not set(train) & set(validation)
    assert len(train)
    assert (held_out(hashes, fraction, seed) == out).all()
    distinct = list(dict.fromkeys(hashes.tolist()))
    has_none = fraction == 0 or len(distinct) < 2
    expected = 0 if has_none else max(1, round(len(distinct) * fraction))
    assert len(set(validation)) == expected
    before = random.Random(seed).sample(distinct, expected)  # noqa: S311 - a split, not a secret
    assert set(validation.tolist()) == set(before), "the split of earlier versions"


@given(hashes=st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9), max_size=80))
def test_first_rows_are_found_alike_in_one_piece_and_in_buckets(hashes: list[int]) -> None:
    values = np.array(hashes, dtype=np.uint64)
    expected = [value not in hashes[:index] for index, value in enumerate(hashes)]
    assert first_of_each(values).tolist() == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.data.sides._PORTION_ROWS", 7)
        assert first_of_each(values).tolist() == expected
        assert is_among(values, values[::3]).tolist() == [value in hashes[::3] for value in hashes]


@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    weights=st.lists(st.floats(0.01, 3.5), min_size=4, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_row_comes_as_often_in_an_epoch_as_its_weight_says(
    sizes: list[int], weights: list[float], seed: int
) -> None:
    ends = np.cumsum(sizes)
    parts = [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    weights = weights[: len(parts)]
    order = epoch(parts, weights, seed)
    assert (epoch(parts, weights, seed) == order).all()
    for rows, weight in zip(parts, weights, strict=True):
        counts = [int((order == row).sum()) for row in rows]
        assert set(counts) <= {int(weight), int(weight) + 1}
        share = round(len(rows) * (weight - int(weight))) or (weight < 1 and len(rows) > 0)
        assert sum(counts) == len(rows) * int(weight) + share


EXAMPLES = st.one_of(
    st.builds(PlainText, TEXT),
    st.builds(Conversation, st.lists(TURNS, max_size=4).map(tuple)),
    st.builds(Preference, st.lists(TURNS, max_size=3).map(tuple), TEXT, TEXT),
    st.builds(Rated, st.lists(TURNS, max_size=3).map(tuple), TEXT, st.booleans()),
    st.builds(Prompt, st.lists(TURNS, max_size=3).map(tuple), st.none() | TEXT),
)


@given(first=EXAMPLES, second=EXAMPLES)
def test_every_kind_of_example_comes_back_equal_from_its_bytes(first: Example, second: Example) -> None:
    assert unpack(pack(first)) == first
    assert (pack(first) == pack(second)) == (first == second)
    assert (exact_hash(pack(first)) == exact_hash(pack(second))) == (first == second)


@given(rows=st.lists(VALUES, max_size=12), size=st.integers(1, 40), indent=st.none() | st.integers(0, 3))
def test_json_read_in_portions_is_the_json_that_was_written(rows: list[object], size: int, indent: int | None) -> None:
    for value in (rows, {"version": 1.5, "data": rows, "rows": [1]}):
        data = json.dumps(value, indent=indent, ensure_ascii=False).encode()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("backend.data.readers.json_stream._PORTION_BYTES", size)
            assert list(_streamed(JsonStream(data[:size], io.BytesIO(data[size:])))) == rows


@given(content=BYTES, size=st.integers(1, 9))
def test_json_read_in_portions_never_crashes(content: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.data.readers.json_stream._PORTION_BYTES", size)
        try:
            found = list(_streamed(JsonStream(content[:size], io.BytesIO(content[size:]))))
        except JsonProblem:
            return
    value = json.loads(content)
    assert found == value or (isinstance(value, dict) and found in value.values())


@given(value=st.floats() | st.integers() | VALUES)
def test_whatever_stands_in_a_cell_gives_text_or_a_problem(value: object) -> None:
    for each in formats():
        for column in ("messages", "conversations", "instruction", "prompt", "text"):
            fields = {column: value, "output": "x", "completion": "x"}
            found = each.read(fields, Columns())
            assert isinstance(found, Example | str)
            if isinstance(value, float) and not math.isfinite(value):
                assert isinstance(found, str) or "nan" not in repr(found)
