"""The rows of a dataset at hand: any page at once, found by text and pattern, read once for each version."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.data.choice import DatasetPart
from backend.data.errors import DatasetElsewhere, DatasetUnreadable
from backend.data.row_keeping import keep_rows
from backend.data.row_search import MAX_FOUND, PatternRefused, Wanted, search
from backend.data.row_table import RowTable, opened
from backend.data.sources import FileSource
from backend.services.dataset_errors import DatasetNotLoaded
from backend.services.dataset_tables import MAX_KEPT, DatasetTables
from config.catalog import SAMPLES


def kept(tmp_path: Path, *rows: object, name: str = "rows.jsonl") -> RowTable:
    path = tmp_path / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    keep_rows((FileSource(path),), tmp_path / "kept")
    found = opened(tmp_path / "kept")
    assert found is not None
    return found


def test_any_page_of_many_rows_is_there(tmp_path: Path) -> None:
    table = kept(tmp_path, *({"n": number} for number in range(3_000)))
    assert (len(table), table.facts.columns, len(table.facts.starts) > 2) == (3_000, ("n",), True)
    assert [row.fields["n"] for row in table.rows(510, 5)] == [510, 511, 512, 513, 514]
    assert [row.number for row in table.rows(2_998, 25)] == [2_999, 3_000]
    assert table.rows(3_000, 25) == []
    assert [row.position for row in table] == list(range(3_000))


def test_a_row_is_found_by_its_line_and_its_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text('{"x": 1}\n\n{"x": 2}\n')
    keep_rows(tuple(FileSource(tmp_path / f"{name}.jsonl") for name in ("a", "b")), tmp_path / "kept")
    table = RowTable(tmp_path / "kept")
    assert table.facts.sources == ("a.jsonl", "b.jsonl")
    assert [table.position(number, source) for source in (0, 1) for number in (1, 2, 3)] == [0, None, 1, 2, None, 3]


def test_rows_that_cannot_be_read_are_kept_with_their_reasons(tmp_path: Path) -> None:
    table = kept(tmp_path, {"x": "a"}, "not json", {"x": "\u2028 ü \U0001f600"})
    assert table.facts.num_problems == 1
    assert "no valid JSON" in table.rows(1, 1)[0].problem
    assert table.rows(2, 1)[0].fields == {"x": "\u2028 ü \U0001f600"}


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
def test_every_kind_of_file_gives_the_rows_that_its_reader_gives(name: str, tmp_path: Path) -> None:
    source = FileSource(SAMPLES / name)
    keep_rows((source,), tmp_path / "kept")
    read = list(source.rows())
    assert [(row.number, dict(row.fields)) for row in RowTable(tmp_path / "kept")] == [
        (row.number, dict(getattr(row, "fields"))) for row in read  # noqa: B009 - all of the samples are rows
    ]  # fmt: skip


def test_a_file_that_breaks_off_leaves_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,2\n\xff\xfe,3\n")
    with pytest.raises(DatasetUnreadable):
        keep_rows((FileSource(path),), tmp_path / "cache" / "kept")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_progress_raises_ends_the_reading_and_leaves_nothing(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(_count: int) -> None:
        raise Enough

    path = tmp_path / "rows.jsonl"
    path.write_text('{"x": 1}\n' * 2_000)
    with pytest.raises(Enough):
        keep_rows((FileSource(path),), tmp_path / "cache" / "kept", stop)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_table_is_none(tmp_path: Path) -> None:
    kept(tmp_path, {"x": 1})
    (tmp_path / "kept" / "rows.arrow").write_bytes(b"nothing")
    assert opened(tmp_path / "kept") is None
    assert opened(tmp_path / "missing") is None


def test_text_is_found_in_values_only_whatever_its_capitals(tmp_path: Path) -> None:
    table = kept(tmp_path, {"color": 'He said "Stop"\nnow'}, {"b": {"c": ["ÉTÉ", 12]}}, {"d": None})
    assert search(table, Wanted('"stop"\nNOW')).positions == (0,)
    assert search(table, Wanted("été")).positions == (1,)
    assert search(table, Wanted("été", is_exact=True)).positions == ()
    assert search(table, Wanted("12")).positions == (1,)
    assert search(table, Wanted("color")).positions == ()


def test_patterns_look_into_values_and_say_what_is_wrong_with_them(tmp_path: Path) -> None:
    table = kept(tmp_path, {"a": "x1"}, {"a": "y22"}, {"a": "Y3"})
    assert search(table, Wanted(r"^y\d+$", is_pattern=True)).positions == (1, 2)
    assert search(table, Wanted(r"^y\d+$", is_pattern=True, is_exact=True)).positions == (1,)
    for wrong in ("(", "a" * 501):
        with pytest.raises(PatternRefused):
            search(table, Wanted(wrong, is_pattern=True))


def test_a_pattern_that_would_run_for_ever_ends(tmp_path: Path) -> None:
    table = kept(tmp_path, {"a": "a" * 40 + "!"})
    begun = time.monotonic()
    with pytest.raises(PatternRefused, match="seconds for one row"):
        search(table, Wanted(r"(a|aa)+$", is_pattern=True))
    assert time.monotonic() - begun < 60


def test_more_rows_than_anybody_looks_at_are_not_all_counted(tmp_path: Path) -> None:
    table = kept(tmp_path, *({"a": "same"} for _ in range(MAX_FOUND + 600)))
    found = search(table, Wanted("same"))
    assert (len(found.positions), found.is_complete) == (MAX_FOUND, False)


def test_a_version_of_a_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"x": 1}\n')
    tables, part = DatasetTables(tmp_path / "cache"), DatasetPart(path=str(path))
    with pytest.raises(DatasetNotLoaded):
        tables.table(part)
    first = tables.read(part)
    assert tables.read(part) is first
    again = DatasetTables(tmp_path / "cache").at_hand(part)
    assert again is not None
    assert again.facts == first.facts
    path.write_text('{"x": 1}\n{"x": 2}\n')
    assert tables.at_hand(part) is None
    assert (len(tables.read(part)), len(first)) == (2, 1)


def test_old_tables_make_room(tmp_path: Path) -> None:
    tables = DatasetTables(tmp_path / "cache")
    for number in range(MAX_KEPT + 3):
        (tmp_path / f"{number}.txt").write_text(f"text {number}")
        tables.read(DatasetPart(path=str(tmp_path / f"{number}.txt")))
    assert len(list((tmp_path / "cache").iterdir())) == MAX_KEPT


def test_the_hub_is_never_asked_from_here(tmp_path: Path) -> None:
    tables = DatasetTables(tmp_path / "cache")
    part = DatasetPart(path="hub:org/chats", split="test")
    assert tables.at_hand(part) is None
    assert tables.key(part) != tables.key(DatasetPart(path="hub:org/chats"))
    with pytest.raises(DatasetElsewhere):
        tables.read(part)


def test_many_who_read_the_same_at_once_all_get_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"n": number}) + "\n" for number in range(2_000)))
    for attempt in range(5):
        tables, part = DatasetTables(tmp_path / f"cache-{attempt}"), DatasetPart(path=str(path))
        start = threading.Barrier(8)

        with ThreadPoolExecutor(8) as pool:
            read = [pool.submit(_read_together, tables, part, start) for _ in range(8)]
            assert [each.result() for each in read] == [2_000] * 8


def _read_together(tables: DatasetTables, part: DatasetPart, start: threading.Barrier) -> int:
    start.wait()
    return len(tables.read(part))


def test_clearing_old_tables_leaves_those_that_are_being_written(tmp_path: Path) -> None:
    tables = DatasetTables(tmp_path / "cache")
    slow = tmp_path / "slow.jsonl"
    slow.write_text("".join('{"n": 1}\n' for _ in range(5_000)))
    others = [tmp_path / f"{number}.jsonl" for number in range(MAX_KEPT + 2)]
    for number, path in enumerate(others):
        path.write_text(json.dumps({"n": number}) + "\n")

    def meanwhile(_count: int) -> None:
        for path in others:
            tables.read(DatasetPart(path=str(path)))

    assert len(tables.read(DatasetPart(path=str(slow)), meanwhile)) == 5_000
    assert len(list((tmp_path / "cache").iterdir())) <= MAX_KEPT + 1
