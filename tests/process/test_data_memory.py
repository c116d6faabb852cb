"""Large datasets in little memory, measured in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.process
MEGABYTE = 1_000_000
LIMIT_BYTES = 150 * MEGABYTE
# Anonymous memory: pages of mapped files come and go as the system likes
PROGRAM = """
import sys, threading
from pathlib import Path
import numpy, pyarrow, pyarrow.parquet
from backend.data.choice import DatasetChoice
from backend.data.inspection import inspect
from backend.data.loading import load
from backend.errors import DataError

def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

def watch():
    while not over.wait(0.005):
        peaks.append(anonymous())

path = Path(sys.argv[1])
choice = DatasetChoice(path=path.name)
over, peaks, before = threading.Event(), [anonymous()], anonymous()
watcher = threading.Thread(target=watch)
watcher.start()
numbers = [inspect(choice, path.parent).num_rows]
try:
    loaded = load(choice, path.parent, 1, cache=path.parent / "cache")
    numbers += [loaded.num_rows, sum(1 for _ in loaded.train) + len(loaded.validation)]
except DataError as error:
    numbers.append(error.id)
over.set()
watcher.join()
print(max(peaks) - before, *numbers)
"""


def measured(path: Path) -> tuple[int, list[str]]:
    """Bytes by which the memory grew while the dataset was looked into, loaded and read, and what was found."""
    root = Path(__file__).resolve().parents[2]
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    grown, *found = child.stdout.split()
    return int(grown), found


def texts(size: int) -> Iterator[str]:
    """Different texts of 50 kB, `size` bytes together."""
    return (f"{number} " + "word " * 10_000 for number in range(size // 50_000))


def write_lines(path: Path, size: int) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts(size))


def write_list(path: Path, size: int) -> None:
    with path.open("w") as file:
        file.write("[")
        for number, text in enumerate(texts(size)):
            file.write(", " * bool(number) + json.dumps({"text": text}))
        file.write("]")


def write_parquet(path: Path, size: int) -> None:
    """One row group of small pages, which is not read at once; a page always is."""
    pq.write_table(pa.table({"text": list(texts(size))}), path, row_group_size=1 << 30, write_batch_size=8)


WRITERS = {"a.jsonl": write_lines, "a.json": write_list, "a.parquet": write_parquet}


@pytest.mark.parametrize("name", WRITERS)
def test_a_large_file_takes_little_memory(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name, 200 * MEGABYTE)
    grown, found = measured(tmp_path / name)
    assert found == ["4000"] * 3
    assert grown < LIMIT_BYTES


@pytest.mark.parametrize("megabytes", [300, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_a_single_line_of_hundreds_of_megabytes_takes_little_memory(tmp_path: Path, megabytes: int) -> None:
    with (tmp_path / "a.jsonl").open("w") as file:
        file.write('{"text": "')
        file.writelines("x" * MEGABYTE for _ in range(megabytes))
        file.write('"}\n{"text": "short"}\n')
    grown, found = measured(tmp_path / "a.jsonl")
    assert found == ["1", "dataset-broken"]
    assert grown < LIMIT_BYTES


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WRITERS)
def test_two_gigabytes_take_little_memory(tmp_path: Path, name: str) -> None:
    if name == "a.parquet":
        schema = pa.schema({"text": pa.string()})
        with pq.ParquetWriter(tmp_path / name, schema, write_batch_size=8) as writer:
            for _ in range(8):
                writer.write_table(pa.table({"text": list(texts(250 * MEGABYTE))}))
    else:
        WRITERS[name](tmp_path / name, 2_000 * MEGABYTE)
    grown, found = measured(tmp_path / name)
    assert found == ["40000"] * 3
    assert grown < LIMIT_BYTES
