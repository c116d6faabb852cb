"""The one number inside a TensorProto, if it holds exactly one.

Source: tensorflow `core/framework/tensor.proto` and `types.proto`. A number is raw bytes in `tensor_content`,
or an entry of the list of its kind (`float_val`, `int_val`, ...), packed or not.
"""

import struct
from typing import NamedTuple

from backend.event_files.wire import BYTES, FIXED32, FIXED64, VARINT, fields, signed, varint

BFLOAT16 = "bfloat16"
FIXED_WIDTHS = {
    "<f4": 4, "<f8": 8, "<f2": 2, BFLOAT16: 2,
    "<i1": 1, "<i2": 2, "<i4": 4, "<i8": 8, "<u1": 1, "<u2": 2, "<u4": 4, "<u8": 8,
}  # fmt: skip

_DTYPE, _SHAPE, _CONTENT = 1, 2, 4
_DIM, _DIM_SIZE = 2, 1
_MANY = 1 << 62
_HALF_VAL, _FLOAT_VAL, _DOUBLE_VAL, _INT_VAL, _INT64_VAL, _BOOL_VAL, _UINT32_VAL, _UINT64_VAL = (
    13, 5, 6, 7, 10, 11, 16, 17,
)  # fmt: skip
_WIRE_TYPES = {_FLOAT_VAL: FIXED32, _DOUBLE_VAL: FIXED64}  # the other lists hold varints


class Kind(NamedTuple):
    """How a dtype lies in `tensor_content`, and which list holds it otherwise."""

    raw: str
    list_field: int


_KINDS = {
    1: Kind("<f4", _FLOAT_VAL),
    2: Kind("<f8", _DOUBLE_VAL),
    3: Kind("<i4", _INT_VAL),
    4: Kind("<u1", _INT_VAL),
    5: Kind("<i2", _INT_VAL),
    6: Kind("<i1", _INT_VAL),
    9: Kind("<i8", _INT64_VAL),
    10: Kind("<u1", _BOOL_VAL),
    14: Kind(BFLOAT16, _HALF_VAL),
    17: Kind("<u2", _INT_VAL),
    19: Kind("<f2", _HALF_VAL),
    22: Kind("<u4", _UINT32_VAL),
    23: Kind("<u8", _UINT64_VAL),
}


class Number(NamedTuple):
    """Where a number lies in a record and how: `raw` is a numpy dtype, BFLOAT16, or "" for `literal`."""

    raw: str
    start: int
    literal: float = 0.0

    def shifted(self, num_bytes: int) -> "Number":
        """The same so many bytes further on."""
        return Number(self.raw, self.start + num_bytes, self.literal)

    def read(self, record: bytes) -> float:
        """The number as float64 (integers beyond 2**53 are rounded)."""
        if not self.raw:
            return self.literal
        return from_bytes(self.raw, record[self.start : self.start + FIXED_WIDTHS[self.raw]])


def from_bytes(raw: str, data: bytes) -> float:
    """A little-endian number of a kind of FIXED_WIDTHS."""
    if raw == BFLOAT16:  # the upper half of a float32
        return _unpacked("<f", b"\0\0" + data)
    if raw.startswith("<f"):
        return _unpacked({"<f2": "<e", "<f4": "<f", "<f8": "<d"}[raw], data)
    return float(int.from_bytes(data, "little", signed=raw.startswith("<i")))


def _unpacked(layout: str, data: bytes) -> float:
    number: float = struct.unpack(layout, data)[0]
    return number


def number_in_tensor(record: bytes, start: int, end: int) -> Number | None:
    """The number of the TensorProto at record[start:end]; None for other dtypes and sizes.

    Raises MalformedRecord.
    """
    dtype, num_elements = 0, 1
    places: dict[int, list[tuple[int, int, int]]] = {}
    for number, wire_type, first, stop in fields(record, start, end):
        if number == _DTYPE and wire_type == VARINT:
            dtype = varint(record, first, stop)[0]
        elif number == _SHAPE and wire_type == BYTES:
            num_elements = _num_elements(record, first, stop)
        elif first < stop:
            places.setdefault(number, []).append((wire_type, first, stop))
    kind = _KINDS.get(dtype)
    if kind is None or num_elements != 1:
        return None
    return _raw(kind, places) or _listed(record, kind, places.get(kind.list_field, []))


def _raw(kind: Kind, places: dict[int, list[tuple[int, int, int]]]) -> Number | None:
    for wire_type, first, stop in places.get(_CONTENT, [])[-1:]:
        if wire_type == BYTES and stop - first == FIXED_WIDTHS[kind.raw]:
            return Number(kind.raw, first)
    return None


def _listed(record: bytes, kind: Kind, entries: list[tuple[int, int, int]]) -> Number | None:
    """The only entry of a list; a packed list is one field of type BYTES."""
    if len(entries) != 1:
        return None
    wire_type, first, stop = entries[0]
    expected = _WIRE_TYPES.get(kind.list_field, VARINT)
    if wire_type not in {expected, BYTES}:
        return None
    if expected != VARINT:
        return Number(kind.raw, first) if stop - first == FIXED_WIDTHS[kind.raw] else None
    value, after = varint(record, first, stop)
    return Number("", first, _number_of_varint(kind, value)) if after == stop else None


def _number_of_varint(kind: Kind, value: int) -> float:
    if kind.list_field == _HALF_VAL:
        return from_bytes(kind.raw, (value & 0xFFFF).to_bytes(2, "little"))
    return float(value if kind.raw.startswith("<u") else signed(value))


def _num_elements(record: bytes, start: int, end: int) -> int:
    """The product of the dimensions of a TensorShapeProto; 1 without any, and for an unknown rank."""
    product = 1
    for number, wire_type, first, stop in fields(record, start, end):
        if (number, wire_type) == (_DIM, BYTES):
            product = min(product * _size(record, first, stop), _MANY)
    return product


def _size(record: bytes, start: int, end: int) -> int:
    size = 0
    for number, wire_type, first, stop in fields(record, start, end):
        if (number, wire_type) == (_DIM_SIZE, VARINT):
            size = varint(record, first, stop)[0]
    return size
