"""Reading takes work in proportion to the file, whatever lies in it: counted in calls, not in seconds."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from backend.event_files.reader import EventFileReader
from tests.fakes.event_bytes import scalar, version, write

_FEW = 1_000  # records
_MAX_CALLS = 150  # per record


def _alternating(num: int) -> Iterable[bytes]:
    return (scalar(1 + index % 2, 0.5, "ab"[index % 2]) for index in range(num))


def _alternating_widths(num: int) -> Iterable[bytes]:
    return (scalar((5, 300)[index % 2], 0.5, "abc"[index % 3]) for index in range(num))


def _new_tags(num: int) -> Iterable[bytes]:
    return (scalar(index, 0.5, f"tag{index}") for index in range(num))


def _one_tag_more_each_step(num: int) -> Iterable[bytes]:
    step = index = 0
    while index < num:
        step += 1
        for tag in range(min(step, num - index)):
            yield scalar(step, 0.5, f"tag{tag}")
            index += 1


def _every_third_header_damaged(num: int) -> Iterable[bytes]:
    for index in range(num):
        record = scalar(index, 0.5)
        yield record if index % 3 else bytes([record[0] ^ 1]) + record[1:]


def _num_calls(path: Path) -> int:
    """Calls, of Python and of C, to read a file."""
    num = 0

    def count(_frame: object, event: str, _told: object) -> None:
        nonlocal num
        num += event in {"call", "c_call"}

    reader = EventFileReader(path)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for _ in reader.read():
            pass
    finally:
        sys.setprofile(before)
    return num


@pytest.mark.parametrize(
    "records",
    [_alternating, _alternating_widths, _new_tags, _one_tag_more_each_step, _every_third_header_damaged],
)
def test_four_times_the_records_take_about_four_times_the_work(
    tmp_path: Path, records: Callable[[int], Iterable[bytes]]
) -> None:
    few, many = (_num_calls(write(tmp_path / str(num), "1", [version(), *records(num)])) for num in (_FEW, 4 * _FEW))
    assert few < _MAX_CALLS * _FEW
    assert many < 6 * few


def test_a_file_like_one_that_was_read_before_takes_a_fraction_of_the_work(tmp_path: Path) -> None:
    records = [version(), *(scalar(step, 0.5, f"known/{tag}") for step in range(1, 9) for tag in range(50))]
    first, second = (_num_calls(write(tmp_path / name, "1", records)) for name in "ab")
    assert second < first / 3
