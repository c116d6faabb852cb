"""Text, histograms and images, in the old forms of Summary.Value and as tensors.

Source: tensorflow `core/framework/summary.proto` and `tensor.proto`; old histograms become buckets as in TensorBoard's
`data_compat.py`.
"""

import math

import numpy as np

from backend.domain.curve_records import Histogram, Image, Text
from backend.domain.curves import Numbers, freeze
from backend.event_files.messages import Message, numbers
from backend.event_files.wire import MalformedRecord

MAX_STRINGS = 10_000
MAX_BUCKETS = 10_000
MAX_IMAGES = 64
MAX_DIMENSIONS = 16
MAX_SIDE = 16_384  # pixels

_IMAGE, _HISTOGRAM, _TENSOR = 4, 5, 8
_DTYPE, _SHAPE, _CONTENT, _FLOATS, _DOUBLES, _STRINGS = 1, 2, 4, 5, 6, 8
_FLOAT, _DOUBLE, _STRING = 1, 2, 7
_DIM, _SIZE = 2, 1
_BUCKET_COLUMNS = 3
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def text(value: Message) -> Text:
    """The strings of a Summary.Value. Raises MalformedRecord."""
    strings, shape = _strings(_tensor(value))
    if math.prod(shape) != len(strings):
        raise MalformedRecord("a text that does not fit its shape")
    return Text(tuple(one.decode(errors="replace") for one in strings), shape)


def histogram(value: Message) -> Histogram:
    """The buckets of a Summary.Value. Raises MalformedRecord."""
    old = value.last(_HISTOGRAM)
    columns = _old_buckets(old) if old else _buckets(_tensor(value))
    freeze(columns)
    return Histogram(*columns)


def images(value: Message) -> tuple[Image, ...]:
    """The encoded pictures of a Summary.Value. Raises MalformedRecord."""
    old = value.last(_IMAGE)
    if old:
        found = old.last(4)
        return (_image(found.raw if found else b"", old.integer(2) or 0, old.integer(1) or 0),)
    strings, _ = _strings(_tensor(value))
    if len(strings) < 2 or len(strings) > MAX_IMAGES + 2:  # noqa: PLR2004 - width and height
        raise MalformedRecord("no picture, or too many")
    width, height = (_whole_number(one) for one in strings[:2])
    return tuple(_image(one, width, height) for one in strings[2:])


def _tensor(value: Message) -> Message:
    tensor = value.last(_TENSOR)
    if tensor is None:
        raise MalformedRecord("something else")
    return tensor


def _shape(tensor: Message) -> tuple[int, ...]:
    shape = tensor.last(_SHAPE)
    sizes = [dim.integer(_SIZE) or 0 for dim in shape.all(_DIM)] if shape else []
    if len(sizes) > MAX_DIMENSIONS or min(sizes, default=0) < 0:
        raise MalformedRecord("a shape that cannot be")
    return tuple(sizes)


def _strings(tensor: Message) -> tuple[list[bytes], tuple[int, ...]]:
    if tensor.integer(_DTYPE) != _STRING:
        raise MalformedRecord("numbers instead of text")
    strings = [found.raw for found in tensor.all(_STRINGS)]
    if len(strings) > MAX_STRINGS:
        raise MalformedRecord("too many texts")
    return strings, _shape(tensor)


def _buckets(tensor: Message) -> tuple[Numbers, Numbers, Numbers]:
    shape, dtype, content = _shape(tensor), tensor.integer(_DTYPE), tensor.last(_CONTENT)
    if dtype not in {_FLOAT, _DOUBLE} or shape[1:] != (_BUCKET_COLUMNS,) or not 0 <= shape[0] <= MAX_BUCKETS:
        raise MalformedRecord("no table of buckets")
    if content:
        found = numbers(content.raw, "<f4" if dtype == _FLOAT else "<f8")
    else:
        found = tensor.floats(_FLOATS) if dtype == _FLOAT else tensor.doubles(_DOUBLES)
    if len(found) == 1:  # one number stands for all
        found = np.full(_BUCKET_COLUMNS * shape[0], found[0])
    if len(found) != _BUCKET_COLUMNS * shape[0]:
        raise MalformedRecord("buckets that do not fit their shape")
    lefts, rights, counts = np.ascontiguousarray(found.reshape(shape).T)
    return lefts, rights, counts


def _old_buckets(old: Message) -> tuple[Numbers, Numbers, Numbers]:
    """Empty buckets at both ends are left out, and the outermost edges are the smallest and the largest value."""
    limits, counts = old.doubles(6), old.doubles(7)
    if len(limits) != len(counts):
        raise MalformedRecord("buckets without limits")
    filled = np.flatnonzero(counts > 0)
    if not len(filled):
        return np.empty(0), np.empty(0), np.empty(0)
    first, last = int(filled[0]), int(filled[-1])
    if last - first >= MAX_BUCKETS:
        raise MalformedRecord("too many buckets")
    inner = limits[first:last]
    lefts, rights = np.append(old.double(1) or 0.0, inner), np.append(inner, old.double(2) or 0.0)
    return lefts, rights, counts[first : last + 1].copy()


def _image(encoded: bytes, width: int, height: int) -> Image:
    """What the file itself says of its size counts more than what was written beside it."""
    media_type = next((name for magic, name in _MAGIC.items() if encoded.startswith(magic)), None)
    if media_type is None:
        raise MalformedRecord("no PNG, JPEG or GIF")
    if media_type == "image/png":
        width, height = (int.from_bytes(encoded[at : at + 4], "big") for at in (16, 20))
    elif media_type == "image/gif":
        width, height = (int.from_bytes(encoded[at : at + 2], "little") for at in (6, 8))
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise MalformedRecord(f"a picture of {width} x {height} pixels")
    return Image(encoded, media_type, width, height)


def _whole_number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 9:  # noqa: PLR2004 - more is no size
        raise MalformedRecord("a picture without a size")
    return int(digits)
