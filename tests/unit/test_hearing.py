"""What the trainer remarks reaches the journal once, whole, and in order."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.domain.remarks import MOST_ROWS, Remark, row_names
from backend.supervisor.hearing import MOST_LINES, Hearing

FIRST = Remark(7, "the smoothed loss is 9", "divergence", (3, 5))
SECOND = Remark(9, "the gradient norm is 80", "gradient-explosion")


class Journal:
    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)

    def hearing(self, file: Path) -> Hearing:
        return Hearing(file, lambda: list(self.lines), self.lines.append)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "attempt-001.remarks.jsonl"


@pytest.fixture
def append(file: Path) -> Callable[[str], None]:
    def add(text: str) -> None:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(text)

    return add


def test_remarks_are_told_in_order_with_their_rows(file: Path, append: Callable[[str], None]) -> None:
    journal = Journal()
    hearing = journal.hearing(file)
    hearing.listen()
    append(FIRST.to_json() + "\n" + SECOND.to_json() + "\n")
    hearing.listen()
    hearing.listen()
    assert journal.lines == [
        "divergence at step 7: the smoothed loss is 9 (training rows 3, 5)",
        "gradient-explosion at step 9: the gradient norm is 80",
    ]


def test_a_torn_line_is_told_when_it_is_whole(file: Path, append: Callable[[str], None]) -> None:
    journal, text = Journal(), FIRST.to_json()
    hearing = journal.hearing(file)
    append(text[:20])
    hearing.listen()
    assert journal.lines == []
    append(text[20:] + "\n")
    hearing.listen()
    assert journal.lines == [FIRST.sentence()]


def test_another_supervisor_tells_nothing_twice(file: Path, append: Callable[[str], None]) -> None:
    journal = Journal()
    append(FIRST.to_json() + "\n")
    journal.hearing(file).listen()
    append(SECOND.to_json() + "\n")
    journal.hearing(file).listen()
    assert journal.lines == [FIRST.sentence(), SECOND.sentence()]


def test_rubbish_is_passed_over(file: Path, append: Callable[[str], None]) -> None:
    journal = Journal()
    append('{"step": "x"}\n\n[]\nrubbish\n' + SECOND.to_json() + "\n")
    journal.hearing(file).listen()
    assert journal.lines == [SECOND.sentence()]


def test_a_flood_is_cut_off(file: Path, append: Callable[[str], None]) -> None:
    journal = Journal()
    append("".join(Remark(step, "again", "divergence").to_json() + "\n" for step in range(3 * MOST_LINES)))
    journal.hearing(file).listen()
    assert len(journal.lines) == MOST_LINES


def test_a_remark_is_one_line_and_names_only_so_many_rows() -> None:
    assert Remark(1, "a\nb").sentence() == "step 1: a b"
    assert row_names(tuple(range(1, MOST_ROWS + 9))).endswith(f"{MOST_ROWS}, ...")
    assert row_names((4,)) == "training row 4"
    assert row_names(()) == "unknown rows"
