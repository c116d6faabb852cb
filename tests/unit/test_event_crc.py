"""CRC-32C alone and in rows."""

import numpy as np
import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from backend.event_files.crc import masked_crc, masked_crcs


def _mask(crc: int) -> int:
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_checksums_of_rfc_3720_come_out(data: bytes, crc: int) -> None:
    assert masked_crc(data) == _mask(crc)
    assert masked_crcs(np.frombuffer(data, np.uint8).reshape(1, -1)).tolist() == [_mask(crc)]


@pytest.mark.parametrize("length", [0, 1, 3, 8, 39, 255, 256, 257, 511, 512, 513, 1000, 4096, 5001])
def test_any_length_agrees_with_tensorboard_alone_and_in_rows(length: int) -> None:
    rows = np.random.default_rng(length).integers(0, 256, (3, length), dtype=np.uint8)
    expected = [int(masked_crc32c(row.tobytes())) for row in rows]
    assert [masked_crc(row.tobytes()) for row in rows] == expected
    assert masked_crcs(rows).tolist() == expected


def test_rows_of_several_lengths_have_zeros_before_them() -> None:
    chance = np.random.default_rng(3)
    lengths = np.array([0, 1, 7, 256, 300, 301, 600])
    rows = np.zeros((len(lengths), 600), np.uint8)
    for row, length in zip(rows, lengths.tolist(), strict=True):
        row[600 - length :] = chance.integers(0, 256, length)
    expected = [int(masked_crc32c(row[600 - length :].tobytes())) for row, length in zip(rows, lengths, strict=True)]
    assert masked_crcs(rows, lengths).tolist() == expected
