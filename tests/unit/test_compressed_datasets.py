"""Compressed text and Arrow files: read as the plain ones, refused where they are damaged or bombs."""

import bz2
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from backend.data.errors import DatasetExpands, DatasetKindUnknown, DatasetUnreadable
from backend.data.readers import opening, read_rows
from backend.data.rows import Row, RowProblem
from config.catalog import SAMPLES

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def rows(path: Path) -> list[tuple[int, object]]:
    return [(row.number, row.fields) for row in read_rows(path) if isinstance(row, Row)]


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("name", ["demo.jsonl", "alpaca.json", "prompt_completion.csv", "text.txt"])
def test_compressed_text_gives_the_same_rows(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(PACK[suffix]((SAMPLES / name).read_bytes()))
    assert rows(path) == rows(SAMPLES / name)


@pytest.mark.parametrize("suffix", PACK)
def test_damaged_compression_is_named(tmp_path: Path, suffix: str) -> None:
    whole = PACK[suffix](os.urandom(100_000).hex().encode())
    for name, data in (("cut", whole[:-9]), ("other", bz2.compress(b"x"))):
        path = tmp_path / f"{name}.txt{suffix}"
        path.write_bytes(data)
        with pytest.raises(DatasetUnreadable, match=rf"no whole \{suffix} file"):
            list(read_rows(path))


@pytest.mark.parametrize("suffix", PACK)
def test_a_bomb_is_given_up_on(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "FREE_BYTES", 1_000_000)
    for name in ("a.jsonl", "a.json", "a.csv", "a.txt"):
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(PACK[suffix](b" " * 50_000_000))
        with pytest.raises(DatasetExpands, match="expands to more than"):
            list(read_rows(path))


def test_only_text_is_read_compressed(tmp_path: Path) -> None:
    for name in ("a.parquet.gz", "a.arrow.zst", "a.gz", ".gz", "a.jsonl.bz2"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(DatasetKindUnknown):
            list(read_rows(tmp_path / name))


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_arrow_files_and_streams_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"text": [str(number) for number in range(600)], "n": range(600)})
    opened = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with opened(str(path), table.schema) as sink:
        sink.write_table(table, max_chunksize=500)
    found = rows(path)
    assert found[0] == (1, {"text": "0", "n": 0})
    assert [number for number, _ in found] == list(range(1, 601))


def test_arrow_offsets_that_lead_out_of_the_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"text": ["x" * 77, "y" * 77]})
    with pa.ipc.new_file(str(path), table.schema) as sink:
        sink.write_table(table)
    offsets, bad = (np.array(ends, dtype=np.int32).tobytes() for ends in ([0, 77, 154], [0, 77, 2**31 - 1]))
    assert path.read_bytes().count(offsets) == 1
    path.write_bytes(path.read_bytes().replace(offsets, bad))
    with pytest.raises(DatasetUnreadable, match="no whole Arrow file"):
        list(read_rows(path))


def test_a_long_json_list_is_read_in_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.data.readers.json_file.WHOLE_BYTES", 10)
    monkeypatch.setattr("backend.data.readers.json_stream._PORTION_BYTES", 7)
    path = tmp_path / "a.json"
    for text in ('[{"a": 1}, 7, {"b": 2}]', '{"v": [[1]], "rows": [{"a": 1}, 7, {"b": 2}], "train": [{"c": 3}]}'):
        path.write_text("\ufeff" + text)
        assert rows(path) == [(1, {"a": 1}), (3, {"b": 2})]
        assert [row.number for row in read_rows(path) if isinstance(row, RowProblem)] == [2]
    for text, said in (
        ('{"a": 1}\n{"a": 2}\n', "has no list of rows"),
        ('{"data": []}\n{"data": []}\n', r"rename it to \.jsonl"),
        ('[{"a": 1},\n{"a": NaN}]', "NaN is no JSON value"),
        ('[{"a": 1},\n{"a": 1', "no valid JSON: .* at line 2"),
        ('[{"a": 1}\n\n;{"a": 1}]', "no valid JSON: .* at line 3"),
        ('{"data": [], "data": []}', "the key 'data' occurs twice"),
        ('"long enough text"', "neither a list"),
    ):
        path.write_text(text)
        with pytest.raises(DatasetUnreadable, match=said):
            list(read_rows(path))
    path.write_bytes(b'[{"a": "1234567890\xff"}]')
    with pytest.raises(DatasetUnreadable, match="not UTF-8 text at byte 19"):
        list(read_rows(path))
    monkeypatch.setattr("backend.data.readers.json_stream.MAX_VALUE_CHARACTERS", 50)
    path.write_text('[{"a": "' + "x" * 200 + '"}]')
    with pytest.raises(DatasetUnreadable, match="longer than 50 characters"):
        list(read_rows(path))
