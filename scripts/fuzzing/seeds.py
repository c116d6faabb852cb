"""Valid event files from which the fuzzer starts: every kind of record that writers write."""

import struct
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.events.material import NAMES, SMALL, irregular, numbers, times
from scripts.benchmarks.events.records import event, field, file_version, frame, framed, scalars, simple_value, varint
from scripts.fuzzing.inputs import as_pieces, as_raw

_WALL_TIME = 1_700_000_000.0


def write_seeds(folder: Path) -> None:
    """One file per seed, named by its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(all_seeds()):
        (folder / f"seed-{number:03d}").write_bytes(seed)


def all_seeds() -> Iterator[bytes]:
    """Every seed."""
    regular = file_version(_WALL_TIME) + scalars(NAMES[:3], numbers(150, 3, 1), times(150, _WALL_TIME))
    yield as_raw(regular)
    yield as_raw(regular[:-7])
    yield as_raw(regular[:600] + bytes(64) + regular[600:])
    yield as_raw(irregular(SMALL["e"], _WALL_TIME)[:8_000])
    yield as_raw(irregular(SMALL["f"], _WALL_TIME)[:4_000])
    values = [simple_value(tag, 1.0) for tag in "abcd"]
    orders = [event(_WALL_TIME, step, [values[step % 4], values[step // 4]]) for step in range(16)]
    yield as_raw(framed(orders))
    yield as_raw(frame(frame(b"nested") * 20) * 10)
    payloads = list(_payloads())
    for kind in range(6):
        yield as_pieces(payloads, kind)
    for payload in payloads:
        yield as_pieces([payload], 1)


def _payloads() -> Iterator[bytes]:
    for dtype, content in _TENSORS:
        tensor = b"\x08" + varint(dtype) + content
        yield event(_WALL_TIME, 7, [field(1, b"t") + field(8, tensor)])
    yield event(_WALL_TIME, 0, [simple_value("a", 1.5), simple_value("b", float("nan"))])
    yield event(_WALL_TIME, 2**63, [simple_value("a", 1.0)])
    yield b"\x10\x07" + field(7, b"\x08\x01")  # a restart at step 7
    histogram = b"".join(varint(number << 3 | 1) + struct.pack("<d", 1.0) for number in range(1, 6))
    histogram += field(6, struct.pack("<3d", 1, 2, 3)) + field(7, struct.pack("<3d", 0, 3, 0))
    yield event(_WALL_TIME, 1, [field(1, b"h") + field(5, histogram)])
    yield event(_WALL_TIME, 1, [field(1, b"i") + field(4, b"\x08\x02\x10\x02\x18\x03" + field(4, b"\x89PNG"))])
    text = b"\x08\x07" + field(2, b"") + field(8, b"some text")
    yield event(_WALL_TIME, 1, [field(1, b"s") + field(8, text) + field(9, field(1, field(1, b"text")))])
    hparams = field(1, field(1, b"hparams") + field(2, b"\x1a\x00"))
    yield event(_WALL_TIME, 0, [field(1, b"_hparams_/session_start_info") + field(9, hparams)])
    yield event(_WALL_TIME, 0, [field(1, "ü".encode() * 90) + b"\x15\0\0\0\0"])


_TENSORS = (
    (1, field(2, b"") + field(4, struct.pack("<f", 0.5))),
    (1, field(5, struct.pack("<f", 0.5))),
    (1, b"\x2d" + struct.pack("<f", 0.5)),
    (2, field(4, struct.pack("<d", 0.5))),
    (3, field(7, b"\x05")),
    (9, b"\x50\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    (14, field(13, b"\x80\x7f")),
    (19, field(4, b"\x00\x3c")),
    (1, field(2, field(2, b"\x08\x02")) + field(5, struct.pack("<2f", 1, 2))),
)
