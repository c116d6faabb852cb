"""What TensorBoard tests about log directories of many runs, asked of ours; and where its readers differ, measured."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.event_files.directories import find_runs
from backend.event_files.folder import EventFolder
from backend.event_files.tail import TailReader
from scripts.benchmarks.events.rust_server import RustServer
from tests.fakes.event_bytes import as_told_by_tensorboard, as_we_tell, frame, points, restart, scalar, version, write


def names(logdir: Path) -> list[str]:
    return [run.name for run in find_runs(logdir).runs]


def test_runs_are_found_at_any_depth_and_named_by_their_folder(tmp_path: Path) -> None:
    """logdir.rs: test_basic; testAddRunsFromDirectoryWalksTree, ...ThatContainsEvents; testGetLogdirSubdirectories."""
    for name in (".", "mnist/train", "mnist/test", "a/b/c/d"):
        write(tmp_path / name, "1", [scalar(1, 1.0)])
    (tmp_path / "non_run").mkdir()
    (tmp_path / "non_run" / "non_event_file").touch()
    assert names(tmp_path) == [".", "a/b/c/d", "mnist/test", "mnist/train"]


def test_runs_come_and_go_and_the_others_stay(tmp_path: Path) -> None:
    """logdir.rs: test_add_remove; testReload, testDeletingDirectoryRemovesRun."""
    for name in ("train", "test"):
        write(tmp_path / name, "1", [scalar(7, 0.75)])
    assert names(tmp_path) == ["test", "train"]
    write(tmp_path / "val", "1", [])
    shutil.rmtree(tmp_path / "train")
    assert names(tmp_path) == ["test", "val"]
    assert points(EventFolder(tmp_path / "test").read()) == [(7, 0.75)]


def test_a_link_inside_of_the_directory_adds_no_second_run(tmp_path: Path) -> None:
    """logdir.rs: test_symlink makes two runs of it; to us it is one folder with two names."""
    write(tmp_path / "train", "1", [])
    (tmp_path / "test").symlink_to(tmp_path / "train")
    assert names(tmp_path) == ["train"]


def test_circles_of_links_end(tmp_path: Path) -> None:
    """logdir.rs: test_symlink_loop."""
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    write(tmp_path / "run", "1", [])
    (tmp_path / "run" / "again").symlink_to(tmp_path)
    assert names(tmp_path) == ["run"]


def test_a_directory_that_is_not_there_is_a_remark(tmp_path: Path) -> None:
    """testAddRunsFromDirectoryThrowsException, testEmptyLoader, testInitialization; nothing is thrown here."""
    found = find_runs(tmp_path / "nowhere")
    assert found.runs == ()
    assert len(found.remarks) == 1


@pytest.mark.parametrize("is_absolute", [True, False])
def test_a_directory_may_be_told_in_any_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_absolute: bool) -> None:
    """disk_logdir.rs: test_absolute, test_relative."""
    write(tmp_path / "logs" / "run", "1", [scalar(1, 1.0)])
    monkeypatch.chdir(tmp_path)
    logdir = tmp_path / "logs" if is_absolute else Path("logs")
    found = find_runs(logdir).runs
    assert [run.name for run in found] == ["run"]
    assert points(EventFolder(found[0].folder).read()) == [(1, 1.0)]


def test_last_values_come_from_the_end(tmp_path: Path) -> None:
    """data_provider_test: test_read_last_scalars, test_list_scalars_all (the last step and wall time)."""
    write(tmp_path, "1", [version(), *(scalar(step, step / 2, tag) for step in range(500) for tag in ("waves", "bar"))])
    last = TailReader().of_folder(tmp_path).points
    assert {tag: (one.step, one.value, one.wall_time) for tag, one in last.items()} == {
        "waves": (499, 249.5, 1499.0),
        "bar": (499, 249.5, 1499.0),
    }


Rows = list[tuple[int, float, float]]
ROWS: Callable[..., list[bytes]] = lambda *steps, value=1.0: [scalar(step, value, "s") for step in steps]  # noqa: E731


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


FIRST = [version(), *ROWS(*range(10))]
HARD: dict[str, list[list[bytes]]] = {
    "back": [[*FIRST, *ROWS(*range(6, 12), value=10.0)]],
    "second-file": [FIRST, [version(), *ROWS(*range(6, 12), value=10.0)]],
    "start": [FIRST, [version(), restart(6), *ROWS(*range(6, 12), value=10.0)]],
    "payload": [[version(), *ROWS(0, 1, 2, 3, 4), _flipped(ROWS(5)[0], -7), *ROWS(*range(6, 10))]],
    "header": [[version(), *ROWS(0, 1, 2, 3, 4), _flipped(ROWS(5)[0], 9), *ROWS(*range(6, 10))]],
    "cut": [[version(), *ROWS(*range(9)), ROWS(9)[0][:-5]]],
    "zeros": [[*FIRST, bytes(64)]],
    "same-step": [[version(), *(scalar(0, float(number), "s") for number in range(5))]],
    "two-writers": [[version(), *ROWS(*range(0, 10, 2))], [version(), *ROWS(*range(1, 10, 2))]],
}


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    logdir = tmp_path_factory.mktemp("hard")
    for name, files in HARD.items():
        for number, records in enumerate(files):
            write(logdir / name, str(number), records)
    return logdir


@pytest.fixture(scope="module")
def server(hard: Path) -> Iterator[dict[str, list[int]]]:
    """The steps of each run, by the data server."""
    found = RustServer(hard)
    try:
        found.wait_loaded()
        yield {run: tags["s"][0].tolist() for run, tags in found.read().items()}
    finally:
        found.close()


UP_TO_9 = list(range(10))
ZIGZAG = [*UP_TO_9, *range(6, 12)]
MERGED = [*range(6), *range(6, 12)]
WITHOUT_5 = [0, 1, 2, 3, 4, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("name", "ours", "accumulator", "data_server"),
    [
        ("back", MERGED, ZIGZAG, MERGED),
        ("second-file", MERGED, ZIGZAG, MERGED),
        ("start", MERGED, MERGED, MERGED),
        ("payload", WITHOUT_5, [0, 1, 2, 3, 4], UP_TO_9),  # the server takes a wrong value for a right one
        ("header", WITHOUT_5, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]),
        ("cut", UP_TO_9[:9], UP_TO_9[:9], UP_TO_9[:9]),
        ("zeros", UP_TO_9, UP_TO_9, UP_TO_9),
        ("same-step", [0], [0] * 5, [0]),
        ("two-writers", [0, 1, 3, 5, 7, 9], [0, 2, 4, 6, 8, 1, 3, 5, 7, 9], [0, 1, 3, 5, 7, 9]),
    ],
)
def test_where_readers_differ_we_keep_all_that_is_right(
    hard: Path, server: dict[str, list[int]], name: str, ours: list[int], accumulator: list[int], data_server: list[int]
) -> None:
    """The table "what each reader does with the hard cases" of docs/explanation/curves.md."""
    told = as_told_by_tensorboard(hard / name)["s"]
    assert [step for step, _, _ in told] == accumulator
    assert server[name] == data_server
    curves = EventFolder(hard / name).read()
    assert [step for step, _, _ in as_we_tell(curves)["s"]] == ours
    assert bool(curves.damage) == (name in {"payload", "header", "zeros"})


def test_no_wrong_value_is_taken_for_a_right_one_once_it_was_verified(hard: Path) -> None:
    """event_file.rs: test_no_checksum takes a record whose bits flipped, if it is still a message."""
    values = [value for _, value, _ in as_we_tell(EventFolder(hard / "payload").read())["s"]]
    assert values == [1.0] * 9


def test_a_record_inside_a_record_is_no_point(tmp_path: Path) -> None:
    """A text that holds an event file (wandb and TensorBoard follow lengths only; so do we, as long as they are right)."""
    write(tmp_path, "1", [version(), frame(b"\x7a" + bytes([len(scalar(1, 1.0))]) + scalar(1, 1.0)), scalar(2, 2.0)])
    assert points(EventFolder(tmp_path).read()) == [(2, 2.0)]
