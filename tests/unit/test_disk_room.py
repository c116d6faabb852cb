"""How much a run needs on its disk: measured while it runs, estimated before it starts."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from backend.domain.disk_need import disk_need
from backend.domain.disk_room import Room
from backend.domain.run_config import RunConfig
from backend.store.checkpoints import MANIFEST, write_manifest_text
from backend.store.disk_room import DiskRoom
from backend.store.weight_shapes import weight_shapes
from backend.supervisor.upkeep import Upkeep
from tests.fakes.clock import FakeClock

FLOOR = 1000
SHAPES = {
    "model.embed_tokens.weight": (32_000, 64),
    "model.layers.0.self_attn.q_proj.weight": (64, 64),
    "model.layers.0.mlp.up_proj.weight": (256, 64),
    "model.layers.1.self_attn.q_proj.weight": (64, 64),
    "model.layers.1.mlp.up_proj.weight": (256, 64),
    "model.norm.weight": (64,),
}
ALL_LINEAR = 2 * (64 + 64) + 2 * (256 + 64)  # rows and columns: what rank 1 adds


def seal(folder: Path, step: int, size: int) -> None:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "weights").write_bytes(b"x" * size)
    (path / MANIFEST).write_text(write_manifest_text(path, step))


def test_the_next_checkpoint_is_taken_to_be_as_large_as_the_newest(tmp_path: Path) -> None:
    disk, folder = DiskRoom(tmp_path, FLOOR), tmp_path / "checkpoints"
    assert needed(disk) == FLOOR, "there is none yet"
    seal(folder, 5, 300)
    assert needed(disk) == FLOOR + 300
    seal(folder, 10, 500)
    assert needed(disk) == FLOOR + 500


def needed(disk: DiskRoom) -> int:
    room = disk.measure()
    assert room is not None
    assert room.free_bytes > 0
    return room.needed_bytes


def test_what_is_written_of_it_already_is_not_needed_again(tmp_path: Path) -> None:
    disk, folder = DiskRoom(tmp_path, FLOOR), tmp_path / "checkpoints"
    seal(folder, 5, 300)
    (folder / ".staging-checkpoint-10-1").mkdir()
    (folder / ".staging-checkpoint-10-1" / "weights").write_bytes(b"x" * 120)
    assert needed(disk) == FLOOR + 180


def test_a_damaged_manifest_is_no_measure_and_no_folder_no_room(tmp_path: Path) -> None:
    seal(tmp_path / "checkpoints", 5, 300)
    (tmp_path / "checkpoints" / "checkpoint-5" / MANIFEST).write_text("{")
    assert needed(DiskRoom(tmp_path, FLOOR)) == FLOOR + 301
    assert DiskRoom(tmp_path / "gone", FLOOR).measure() is None


@pytest.mark.parametrize(("free", "missing"), [(1999, 1), (2000, 0), (5000, 0)])
def test_room_is_short_only_below_what_is_needed(free: int, missing: int) -> None:
    room = Room(free, 2000)
    assert (room.missing_bytes, room.is_short) == (missing, missing > 0)


def test_a_sentence_has_the_three_figures() -> None:
    told = Room(12_340_000, 142_340_000).sentence()
    assert told.startswith("130 MB are missing: the disk has 12.3 MB free, and the next checkpoint needs 142 MB")


def test_only_a_shortage_that_lasts_is_one(tmp_path: Path) -> None:
    clock, rooms = FakeClock(), [Room(1, 2), Room(2, 2), Room(1, 2), None, Room(1, 2), Room(0, 2)]
    upkeep = Upkeep(folder=None, log_max_bytes=1, measure=lambda: rooms.pop(0), clock=clock)  # type: ignore[arg-type]
    told = []
    for _ in range(12):
        told.append(upkeep.shortage())
        clock.advance(0.5)
    assert told == [None] * 10 + [Room(0, 2), None]


def order(**sections: Any) -> RunConfig:
    return RunConfig.model_validate({"base_model": "demo", "dataset": "rows.jsonl", **sections})


@pytest.mark.parametrize(
    ("sections", "trained", "bytes_each"),
    [
        ({"method": {"name": "lora", "rank": 8}}, 8 * ALL_LINEAR, 12),
        ({"method": {"name": "lora", "rank": 1, "target_modules": ["q_proj"]}}, 2 * (64 + 64), 12),
        ({"method": {"name": "lora", "rank": 8}, "training": {"optimizer": "sgd"}}, 8 * ALL_LINEAR, 4),
        ({"method": "full", "training": {"optimizer": "adamw_8bit"}}, 32_000 * 64 + 2 * (64 + 256) * 64 + 64, 6),
        ({"method": {"name": "freeze", "last_blocks": 1}}, (64 + 256) * 64, 12),
    ],
)
def test_a_checkpoint_holds_what_is_trained_and_the_optimizers_state(
    sections: dict[str, Any], trained: int, bytes_each: int
) -> None:
    assert disk_need(order(**sections), SHAPES, 0, 0).checkpoint_bytes == trained * bytes_each


def test_all_that_may_lie_on_the_disk_at_once_is_added_up() -> None:
    config = order(method={"name": "lora", "rank": 8}, training={"keep_checkpoints": 3})
    need = disk_need(config, SHAPES, 0, 777)
    assert need.num_checkpoints == 3 + 1 + 1, "kept, being written, the best"
    assert need.total_bytes == 5 * need.checkpoint_bytes + 8 * ALL_LINEAR * 4 + 777
    assert need.least_bytes == 3 * need.checkpoint_bytes


def test_without_shapes_the_number_of_parameters_decides() -> None:
    billion = disk_need(order(method={"name": "lora", "rank": 16}), {}, 10**9, 0)
    assert billion.checkpoint_bytes == 10**7 * 12
    assert disk_need(order(), {}, 0, 0).checkpoint_bytes == 0, "nothing is known"


def test_shapes_are_read_from_headers_alone(tmp_path: Path) -> None:
    header = json.dumps({"__metadata__": {}, "a.weight": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}})
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode())
    (tmp_path / "torn.safetensors").write_bytes(b"12")
    (tmp_path / "page.safetensors").write_bytes(b"<html>not found</html>")
    assert weight_shapes(tmp_path) == {"a.weight": (3, 4)}
