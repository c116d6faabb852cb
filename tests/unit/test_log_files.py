"""Logs without end: capped under their writer, and read over the seam."""

import errno
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.store import log_files
from backend.store.log_files import cap, parts, tail
from backend.store.run_files import LocalRunFiles

LIMIT = 4096
QUARTER = LIMIT // 4
LINE = 32


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "attempt-001.log"


def lines(first: int, num: int) -> bytes:
    return b"".join(f"line {i:<{LINE - 6}}\n".encode() for i in range(first, first + num))


def size(log: Path) -> int:
    return sum(part.stat().st_size for part in parts(log) if part.exists())


def test_a_log_within_its_limit_is_left_alone(log: Path) -> None:
    log.write_bytes(lines(0, QUARTER * 2 // LINE))
    assert cap(log, LIMIT) == 0
    assert [part.exists() for part in parts(log)] == [False, False, True]


def test_the_beginning_and_the_newest_lines_stay_with_a_note_between_them(log: Path) -> None:
    written = lines(0, 1000)
    log.write_bytes(written)
    assert cap(log, LIMIT) == len(written) - 2 * QUARTER
    text = tail(log, 10**6)
    assert text.startswith(written[:QUARTER])
    assert text.endswith(written[-QUARTER:])
    note = text[QUARTER:].split(b"\n")[0]
    assert (
        note
        == f"[peft-studio: about {len(written) - 2 * QUARTER} bytes of this log were dropped here, as it is kept to {LIMIT}]".encode()
    )
    assert log.stat().st_size == 0


def test_a_second_cut_keeps_the_first_beginning_and_counts_on(log: Path) -> None:
    with log.open("ab") as writer:
        for start in (0, 1000):
            writer.write(lines(start, 1000))
            writer.flush()
            cap(log, LIMIT)
    text = tail(log, 10**6)
    assert text.startswith(lines(0, QUARTER // LINE))
    assert text.endswith(lines(2000 - QUARTER // LINE, QUARTER // LINE))
    assert f"about {2000 * LINE - 2 * QUARTER} bytes".encode() in text
    assert text.count(b"peft-studio") == 1


def test_the_end_is_read_over_the_seam_from_the_start_of_a_line(log: Path) -> None:
    with log.open("ab") as writer:
        writer.write(lines(0, 1000))
        writer.flush()
        cap(log, LIMIT)
        writer.write(lines(1000, 3))
    assert tail(log, 5 * LINE) == lines(998, 5)
    assert tail(log, 5 * LINE + 7) == lines(998, 5)
    assert tail(log, 3 * LINE + 1) == lines(1000, 3)
    assert tail(log, 2 * LINE + 1) == lines(1001, 2)


def test_a_cut_while_somebody_reads_doubles_no_line(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write_bytes(lines(0, 1000))
    joined, calls = log_files._joined, []

    def cut_after_the_first_part(log: Path, max_bytes: int) -> bytes:
        found = joined(log, max_bytes)
        if not calls:
            calls.append(cap(log, LIMIT))
            return found + tail(log, LINE)  # as if the parts had been read in this moment
        return found

    monkeypatch.setattr(log_files, "_joined", cut_after_the_first_part)
    assert tail(log, 10 * LINE) == lines(990, 10)


def test_a_log_is_cut_even_if_there_is_no_room_for_its_end(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log.write_bytes(lines(0, 1000))
    monkeypatch.setattr(log_files, "_replace", full)
    with pytest.raises(OSError, match="No space"):
        cap(log, LIMIT)
    assert size(log) == 0


def test_a_line_without_an_end_is_cut_like_any_other(log: Path) -> None:
    log.write_bytes(b"x" * 100_000)
    cap(log, LIMIT)
    assert 2 * QUARTER <= size(log) <= LIMIT
    assert tail(log, 100) == b"x" * 100


def test_a_run_without_logs_has_none(tmp_path: Path) -> None:
    assert LocalRunFiles().log(tmp_path, 1, 100) == ""
    with pytest.raises(FileNotFoundError):
        tail(tmp_path / "attempt-001.log", 100)
    assert cap(tmp_path / "attempt-001.log", LIMIT) == 0


def write(writer: BinaryIO, log: Path, first: int, bursts: list[int]) -> int:
    for num in bursts:
        writer.write(lines(first, num))
        writer.flush()
        first += num
        cap(log, LIMIT)
    return first


@given(st.lists(st.integers(1, 300), max_size=12))
def test_whatever_is_written_the_folder_is_bounded_and_start_and_end_are_there(
    tmp_path_factory: pytest.TempPathFactory, bursts: list[int]
) -> None:
    log = tmp_path_factory.mktemp("logs") / "attempt-001.log"
    with log.open("ab") as writer:
        total = write(writer, log, 0, bursts)
    assert size(log) <= LIMIT + 200
    text = tail(log, 10**6)
    kept = text.splitlines(keepends=True)
    written = lines(0, total).splitlines(keepends=True)
    assert kept[: QUARTER // LINE] == written[: QUARTER // LINE]
    assert kept[-QUARTER // LINE :] == written[-QUARTER // LINE :]
    dropped = total * LINE - sum(len(line) for line in kept if not line.startswith(b"[peft-studio"))
    note = [line for line in kept if line.startswith(b"[peft-studio")]
    assert [f"about {dropped} bytes".encode() in line for line in note] == [True] * bool(dropped)
