"""Whatever a record holds, it is shown or refused in a sentence; and no curve of its file suffers."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.histogram_pb2 import HistogramProto
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams.api_pb2 import Experiment, HParamInfo, MetricInfo, MetricName
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
from tensorboard.util import tensor_util

from backend.domain.curve_records import Histogram, SessionStart, Text
from backend.domain.curves import Kind, Place
from backend.event_files.records import EventRecordUnreadable, read_record
from tests.fakes.event_bytes import frame, write

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02"
HEADER_BYTES = 12

some_bytes = st.binary(max_size=30)
numbers = st.lists(st.floats(), max_size=12)


def _read(payload: bytes, kind: Kind) -> object:
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name), "1", [frame(payload)])
        return read_record(Path(name), "tag", kind, Place(path.name, HEADER_BYTES, len(payload), 1, 1.0))


def _payload(value: Summary.Value) -> bytes:
    return Event(step=1, wall_time=2.0, summary=Summary(value=[value])).SerializeToString()


def _shape(sizes: list[int]) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def _hparams(content: HParamsPluginData) -> Summary.Value:
    data = SummaryMetadata.PluginData(plugin_name="hparams", content=content.SerializeToString())
    return Summary.Value(tag="tag", metadata=SummaryMetadata(plugin_data=data))


def _experiment(names: list[str], choices: list[float]) -> Summary.Value:
    infos = [HParamInfo(name=name, display_name=name, type=3) for name in names]
    for info in infos:
        info.domain_discrete.extend(choices)
    metrics = [MetricInfo(name=MetricName(group=name, tag=name)) for name in names]
    return _hparams(HParamsPluginData(experiment=Experiment(hparam_infos=infos, metric_infos=metrics)))


tensors = st.builds(
    lambda dtype, sizes, content, strings, floats, doubles: Summary.Value(
        tag="tag",
        tensor=TensorProto(
            dtype=dtype,
            tensor_shape=_shape(sizes),
            tensor_content=content,
            string_val=strings,
            float_val=floats,
            double_val=doubles,
        ),
    ),
    st.sampled_from((1, 2, 7, 3, 0)),
    st.lists(st.sampled_from((0, 1, 2, 3, 3, -1, 2**62)), max_size=3),
    some_bytes,
    st.lists(some_bytes | st.sampled_from((b"3", b"2", PNG)), max_size=5),
    st.lists(st.floats(width=32), max_size=9),
    numbers,
)
old_histograms = st.builds(
    lambda low, limits, counts: Summary.Value(
        tag="tag", histo=HistogramProto(min=low, max=low, bucket_limit=limits, bucket=counts)
    ),
    st.floats(), numbers, numbers,
)  # fmt: skip
old_images = st.builds(
    lambda width, data: Summary.Value(tag="tag", image=Summary.Image(width=width, height=2, encoded_image_string=data)),
    st.integers(-(2**31), 2**31 - 1),
    some_bytes | st.just(PNG),
)
experiments = st.builds(_experiment, st.lists(st.text(max_size=5), max_size=4), numbers)
payloads = st.one_of(st.binary(max_size=200), st.one_of(tensors, old_histograms, old_images, experiments).map(_payload))


def _changed(payload: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(payload)
    for at, bits in changes:
        if changed:
            changed[at % len(changed)] ^= bits
    return bytes(changed)


@given(payloads, st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), max_size=4), st.sampled_from(Kind))
def test_any_record_is_shown_or_refused(payload: bytes, changes: list[tuple[int, int]], kind: Kind) -> None:
    assert _sentence(_changed(payload, changes), kind)


def _sentence(payload: bytes, kind: Kind) -> str:
    try:
        return f"{_read(payload, kind)}"
    except EventRecordUnreadable as refused:
        return refused.explain().sentence()


@given(st.lists(st.text(max_size=20), max_size=6))
def test_texts_are_what_was_written(texts: list[str]) -> None:
    array = np.array([one.encode() for one in texts], dtype=object)
    value = Summary.Value(
        tag="tag", tensor=TensorProto(dtype=7, tensor_shape=_shape([len(texts)]), string_val=list(array))
    )
    assert _read(_payload(value), Kind.TEXT) == Text(tuple(texts), (len(texts),))


@given(st.lists(st.tuples(st.floats(), st.floats(), st.floats(0, 1e9)), max_size=8), st.booleans())
def test_histograms_are_what_was_written(rows: list[tuple[float, float, float]], is_raw: bool) -> None:
    buckets = np.array(rows, np.float64).reshape(-1, 3)
    tensor = TensorProto(dtype=2, tensor_shape=_shape(list(buckets.shape)))
    if is_raw:
        tensor.tensor_content = buckets.tobytes()
    else:
        tensor.double_val.extend(buckets.ravel())
    told = _read(_payload(Summary.Value(tag="tag", tensor=tensor)), Kind.HISTOGRAM)
    assert isinstance(told, Histogram)
    np.testing.assert_array_equal(np.array([told.lefts, told.rights, told.counts]).T, buckets)
    np.testing.assert_array_equal(tensor_util.make_ndarray(tensor), buckets)


@given(st.dictionaries(st.text(max_size=9), st.one_of(st.text(max_size=9), st.booleans(), st.floats(allow_nan=False))))
def test_hyperparameters_are_what_was_written(written: dict[str, str | bool | float]) -> None:
    start = SessionStartInfo(group_name="group")
    setters: dict[type, Callable[[str, object], None]] = {
        str: lambda name, value: setattr(start.hparams[name], "string_value", value),
        bool: lambda name, value: setattr(start.hparams[name], "bool_value", value),
        float: lambda name, value: setattr(start.hparams[name], "number_value", value),
    }
    for name, value in written.items():
        setters[type(value)](name, value)
    told = _read(_payload(_hparams(HParamsPluginData(session_start_info=start))), Kind.HPARAMS)
    assert isinstance(told, SessionStart)
    assert dict(told.hparams) == written
    assert {name: type(value) for name, value in told.hparams.items()} == {n: type(v) for n, v in written.items()}
