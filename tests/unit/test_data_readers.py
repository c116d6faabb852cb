"""Readers: rows with their numbers, problems beside them, and nothing else but DataError."""

import json
import os
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.data.errors import DatasetKindUnknown, DatasetNotAFile, DatasetNotFound, DatasetUnreadable
from backend.data.readers import lines, read_rows
from backend.data.rows import Row, RowProblem

BROKEN = Path(__file__).resolve().parent.parent / "samples"


def rows(path: Path) -> list[tuple[int, object]]:
    return [(row.number, row.fields) for row in read_rows(path) if isinstance(row, Row)]


def problems(path: Path) -> dict[int, str]:
    return {row.number: row.message for row in read_rows(path) if isinstance(row, RowProblem)}


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_json_lines_keep_their_line_numbers_over_blank_lines(tmp_path: Path, end: str) -> None:
    path = write(tmp_path, "a.jsonl", '\ufeff{"a": 1}' + end + "  " + end + end + '{"b": "x"}')
    assert rows(path) == [(1, {"a": 1}), (4, {"b": "x"})]
    assert problems(path) == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"a": NaN}', "NaN is no JSON value"),
        ('{"a": -Infinity}', "-Infinity is no JSON value"),
        ('{"a": 1e999}', "the number 1e999 is too large"),
        ('{"a": ' + "9" * 5000 + "}", "a number is too long"),
        ('{"a": "\\udc00"}', "half of a surrogate pair, which is no text"),
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        ('{"a": ' + "[" * 64 + "]" * 64 + "}", "nested deeper than 64 levels"),
        ('{"a": ' + "[" * 100_000, "nested deeper than 64 levels"),
        ("[1]", "no JSON object ({...})"),
        ('{"a": "cut', "no valid JSON: Unterminated string starting at character 7"),
    ],
)
def test_a_bad_json_line_is_a_problem_and_the_next_line_is_read(tmp_path: Path, line: str, said: str) -> None:
    path = write(tmp_path, "a.jsonl", f'{line}\n{{"good": 1}}\n')
    assert problems(path) == {1: said}
    assert rows(path) == [(2, {"good": 1})]


def test_json_of_the_greatest_allowed_depth_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"a": ' + "[" * 63 + "]" * 63 + ', "b": [[], [], {}]}')
    assert len(rows(path)) == 1


def test_a_whole_surrogate_pair_is_text(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "a.jsonl", '{"a": "\\ud83c\\udf0a"}')) == [(1, {"a": "\U0001f30a"})]


def test_an_unclosed_string_full_of_quotes_is_refused_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"a": "' + '\\"' * 1_000_000)
    assert list(problems(path)) == [1]


def test_a_line_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    assert problems(BROKEN / "broken-encoding.jsonl") == {2: "not UTF-8 text at byte 16"}


def test_an_overlong_line_is_skipped_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 20)
    path = write(tmp_path, "a.jsonl", '{"a": "' + "x" * 200 + '"}\n{"b": 2}\n')
    assert [row.number for row in read_rows(path) if isinstance(row, RowProblem)] == [1]
    assert rows(path) == [(2, {"b": 2})]


def test_long_files_are_read_in_little_memory(tmp_path: Path) -> None:
    line = json.dumps({"text": "word " * 200})
    for name, content in [("a.jsonl", f"{line}\n" * 20_000), ("a.txt", "word " * 200 + "\n\n")]:
        path = write(tmp_path, name, content if name != "a.txt" else content * 20_000)
        tracemalloc.start()
        assert sum(1 for _ in read_rows(path)) == 20_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < path.stat().st_size / 10


@pytest.mark.parametrize("text", ['[{"a": 1}, 7, {"b": 2}]', '{"data": [{"a": 1}, {"b": 2}], "version": 3}'])
def test_json_files_hold_a_list_or_a_list_under_data(tmp_path: Path, text: str) -> None:
    found = [fields for _, fields in rows(write(tmp_path, "a.json", text))]
    assert found == [{"a": 1}, {"b": 2}]


def test_a_json_list_names_what_is_no_object(tmp_path: Path) -> None:
    assert problems(write(tmp_path, "a.json", '[{"a": 1}, 7]')) == {2: "no JSON object ({...})"}


def test_one_object_is_one_row_and_an_empty_list_none(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "a.json", '\ufeff{"a": 1}')) == [(1, {"a": 1})]
    assert rows(write(tmp_path, "b.json", '{"data": []}')) == []
    assert rows(write(tmp_path, "c.json", " \n")) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken-lines.json", "rename it to .jsonl"),
        ("broken-not-a-list.json", "neither a list"),
        ("broken-utf16.csv", "UTF-16"),
        ("broken-header.csv", "names a column twice"),
        ("broken-truncated.parquet", "no whole Parquet file"),
    ],
)
def test_a_file_that_is_not_what_its_ending_says_is_refused(name: str, said: str) -> None:
    with pytest.raises(DatasetUnreadable, match=said):
        list(read_rows(BROKEN / name))


def test_a_utf_16_json_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", '[{"a": 1}]'.encode("utf-16"))
    with pytest.raises(DatasetUnreadable, match="UTF-16"):
        list(read_rows(path))


def test_csv_cells_may_span_lines_and_the_separator_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", '\ufeffq,a\r\n"one\r\ntwo","say ""x"""\r\n\r\n3,4\r\n')
    assert rows(path) == [(2, {"q": "one\ntwo", "a": 'say "x"'}), (5, {"q": "3", "a": "4"})]
    assert rows(write(tmp_path, "b.csv", "q;a\n1,5;2\n")) == [(2, {"q": "1,5", "a": "2"})]
    assert rows(write(tmp_path, "c.tsv", "q\ta\n1,5\t2\n")) == [(2, {"q": "1,5", "a": "2"})]
    assert rows(write(tmp_path, "d.csv", ",q\n0,x\n")) == [(2, {"column 1": "0", "q": "x"})]


def test_bad_csv_lines_are_named_and_the_others_read() -> None:
    path = BROKEN / "broken-rows.csv"
    assert [number for number, _ in rows(path)] == [2, 6]
    assert problems(path) == {
        3: "1 cells where the header has 2",
        4: "3 cells where the header has 2",
        5: "',' expected after '\"'",
        7: "a quote is opened and never closed",
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"q,a\n\xff,1\n", "line 2 is not UTF-8"),
        (b"q,a\n\x00,1\n", "line 2 holds a NUL"),
        ((",".join(map(str, range(1001))) + "\n").encode(), "more than 1,000 columns"),
    ],
)
def test_a_csv_file_that_cannot_be_meant_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(DatasetUnreadable, match=said):
        list(read_rows(write(tmp_path, "a.csv", content)))


def test_an_overlong_csv_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 20)
    with pytest.raises(DatasetUnreadable, match="line 2 is longer"):
        list(read_rows(write(tmp_path, "a.csv", "q,a\n" + "x" * 50 + ",y\n")))


def test_paragraphs_are_numbered_by_their_first_line(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", b"\n\none\r\ntwo\n \n\n\xff\nrest\n\nlast")
    assert rows(path) == [(3, {"text": "one\ntwo"}), (10, {"text": "last"})]
    assert problems(path) == {7: "not UTF-8 text"}


def test_an_overlong_paragraph_is_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 20)
    monkeypatch.setattr("backend.data.readers.text_file.MAX_LINE_BYTES", 20)
    path = write(tmp_path, "a.txt", "short\n\n" + "twelve chars\n" * 5 + "\n" + "x" * 50 + "\n\nlast")
    assert list(problems(path)) == [3, 9]
    assert rows(path) == [(1, {"text": "short"}), (11, {"text": "last"})]


def test_parquet_is_read_over_batches(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"q": [str(n) for n in range(600)], "n": list(range(600))}), path)
    found = rows(path)
    assert found[0] == (1, {"q": "0", "n": 0})
    assert found[-1] == (600, {"q": "599", "n": 599})
    assert [number for number, _ in found] == list(range(1, 601))


def test_a_parquet_value_that_python_cannot_hold_is_a_problem_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    bad = pa.StringArray.from_buffers(
        2, pa.py_buffer(b"\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"), pa.py_buffer(b"a\xff")
    )
    pq.write_table(pa.table({"q": bad}), path)
    assert rows(path) == [(1, {"q": "a"})]
    assert "a value cannot be read" in problems(path)[2]


def test_a_parquet_file_with_too_many_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({f"c{n}": [1] for n in range(1001)}), path)
    with pytest.raises(DatasetUnreadable, match="more than 1,000 columns"):
        list(read_rows(path))


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for path in (tmp_path / "pipe.jsonl", tmp_path, Path("/dev/zero")):
        with pytest.raises(DatasetNotAFile):
            list(read_rows(path))


def test_missing_files_and_unknown_endings_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound, match="No such file"):
        list(read_rows(tmp_path / "none.jsonl"))
    with pytest.raises(DatasetNotFound):
        list(read_rows(tmp_path / ("x" * 5000 + ".jsonl")))
    with pytest.raises(DatasetKindUnknown, match=r"\.xlsx"):
        list(read_rows(write(tmp_path, "a.xlsx", "x")))
    with pytest.raises(DatasetKindUnknown, match=r"\(none\)"):
        list(read_rows(write(tmp_path, "a", "x")))


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "txt"])
def test_a_file_that_fails_while_it_is_read_is_unreadable(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, f"a.{ending}", "x")

    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DatasetUnreadable, match="Permission denied"):
        list(read_rows(path))
