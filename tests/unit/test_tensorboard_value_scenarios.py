"""What TensorBoard and its data server test about values that are scalars, and others, asked of our reader."""

import struct
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from backend.domain.curve_records import Histogram, Image, Text
from backend.domain.curves import Curves, Kind
from backend.event_files.folder import EventFolder
from backend.event_files.records import EventRecordUnreadable, read_record
from tests.fakes.event_bytes import frame, points, scalar, write

EIGHTH = struct.pack("<f", 0.125)


def shape(*sizes: int) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def of_plugin(name: str, content: bytes = b"", **rest: str) -> SummaryMetadata:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=name, content=content), **rest)


def curves_of(folder: Path, *values: Summary.Value, step: int = 7) -> Curves:
    """One event per value."""
    events = [Event(wall_time=1.0, step=step, summary=Summary(value=[value])) for value in values]
    write(folder, "1", [frame(event.SerializeToString()) for event in events])
    return EventFolder(folder).read()


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(dtype="DT_FLOAT", tensor_shape=shape(), float_val=[0.125]),
        TensorProto(dtype="DT_FLOAT", tensor_shape=shape(), tensor_content=EIGHTH),
        TensorProto(dtype="DT_FLOAT", tensor_content=EIGHTH),
    ],
    ids=["list", "bytes", "no shape"],
)
def test_a_tensor_without_dimensions_is_a_scalar(tmp_path: Path, tensor: TensorProto) -> None:
    """data_compat.rs: test_enrich_rank_0_tensors; data_compat_test: test_new_style_scalar; testTFSummaryTensor."""
    assert points(curves_of(tmp_path, Summary.Value(tag="t", tensor=tensor)), "t") == [(7, 0.125)]


def test_a_simple_value_is_a_scalar_whatever_its_metadata_says(tmp_path: Path) -> None:
    """data_compat.rs: test_enrich_simple_value, test_metadata_tf1x_simple_value; data_compat_test: test_scalar."""
    ignored = of_plugin("ignored_plugin", b"ignored")
    curves = curves_of(tmp_path, Summary.Value(tag="t", simple_value=0.125, metadata=ignored))
    assert points(curves, "t") == [(7, 0.125)]


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(dtype="DT_FLOAT", tensor_shape=shape()),
        TensorProto(dtype="DT_FLOAT", tensor_shape=shape(), tensor_content=EIGHTH[:2]),
        TensorProto(dtype="DT_FLOAT", tensor_shape=shape(), float_val=[0.125, 9.99]),
        TensorProto(dtype="DT_FLOAT", tensor_shape=shape(), tensor_content=EIGHTH * 2),
    ],
    ids=["empty", "half", "two", "two as bytes"],
)
def test_a_tensor_with_too_few_or_too_many_bytes_is_no_scalar(tmp_path: Path, tensor: TensorProto) -> None:
    """data_compat.rs: test_enrich_rank_0_tensors_corrupted_with_short_data and ..._long_data."""
    curves = curves_of(tmp_path, Summary.Value(tag="t", tensor=tensor), Summary.Value(tag="u", simple_value=1.0))
    assert set(curves.series) == {"u"}
    assert curves.damage == ()


def test_a_tensor_with_dimensions_and_several_numbers_is_no_scalar(tmp_path: Path) -> None:
    """data_compat.rs: test_enrich_higher_rank_tensors; data_provider_test: test_read_scalars_but_not_rank_0."""
    tensor = TensorProto(dtype="DT_FLOAT", tensor_shape=shape(2, 2), float_val=[0.125, 9.99, 1.0, 2.0])
    assert "t" not in curves_of(tmp_path, Summary.Value(tag="t", tensor=tensor)).series


def test_a_single_number_in_dimensions_of_one_is_a_scalar_to_us(tmp_path: Path) -> None:
    """data_compat.rs: test_enrich_higher_rank_tensors refuses a shape of 1 x 1 x 1; one number is one number to us."""
    tensor = TensorProto(dtype="DT_FLOAT", tensor_shape=shape(1, 1, 1), float_val=[0.125])
    assert points(curves_of(tmp_path, Summary.Value(tag="t", tensor=tensor)), "t") == [(7, 0.125)]


def test_other_kinds_of_numbers_are_scalars_to_us_and_strings_are_not(tmp_path: Path) -> None:
    """data_compat.rs: test_enrich_non_float_rank_0_tensors refuses all of these; we read the numbers."""
    tensors = {
        "string": TensorProto(dtype="DT_STRING", string_val=[b"abc"]),
        "int": TensorProto(dtype="DT_INT32", int_val=[123]),
        "double": TensorProto(dtype="DT_DOUBLE", double_val=[123.5]),
        "bytes": TensorProto(dtype="DT_DOUBLE", tensor_content=struct.pack("<d", 123.5)),
        "nothing": TensorProto(),
    }
    curves = curves_of(tmp_path, *(Summary.Value(tag=tag, tensor=one) for tag, one in tensors.items()))
    assert {tag: points(curves, tag) for tag in curves.series} == {
        "int": [(7, 123.0)],
        "double": [(7, 123.5)],
        "bytes": [(7, 123.5)],
    }


def test_images_and_graphs_are_no_scalars(tmp_path: Path) -> None:
    """data_compat.rs: test_enrich_non_scalar_summary_values, test_enrich_graph_def; dataclass_compat_test: the same."""
    image = Summary.Value(tag="t", image=Summary.Image(encoded_image_string=b"x"))
    curves = curves_of(tmp_path, image)
    assert dict(curves.series) == {}
    write(tmp_path, "1", [frame(Event(graph_def=b"\1\2\3\4").SerializeToString())])
    assert dict(EventFolder(tmp_path).read().series) == {}


def test_a_large_number_has_the_precision_of_what_was_written(tmp_path: Path) -> None:
    """data_compat_test: test_scalar (0x5F3759DF as a float32)."""
    curves = curves_of(tmp_path, Summary.Value(tag="t", simple_value=0x5F3759DF))
    assert points(curves, "t") == [(7, float(np.float32(0x5F3759DF)))]


def test_the_first_metadata_of_a_tag_decides_its_kind(tmp_path: Path) -> None:
    """event_accumulator_test: testSummaryMetadata_FirstMetadataWins, ...PluginsCannotJumpOnTheBandwagon."""
    words = TensorProto(dtype="DT_STRING", string_val=[b"po"])
    values = [Summary.Value(tag="t", tensor=words, metadata=of_plugin(name)) for name in ("text", "plug", "hparams")]
    others = curves_of(tmp_path, *values[:1]).others
    assert others["t"].kind is Kind.TEXT
    assert curves_of(tmp_path, *values).others["t"].kind is Kind.TEXT


def test_text_is_read_with_all_its_parts(tmp_path: Path) -> None:
    """data_compat_test: test_text; event_accumulator_test: testTFSummaryTensor (a string)."""
    words = TensorProto(dtype="DT_STRING", string_val=[b"dolor sit", b"amet"], tensor_shape=shape(2))
    curves = curves_of(tmp_path, Summary.Value(tag="lorem", tensor=words, metadata=of_plugin("text")))
    other = curves.others["lorem"]
    record = read_record(tmp_path, "lorem", other.kind, other.places[0])
    assert record == Text(("dolor sit", "amet"), (2,))
    assert (other.places[0].step, other.places[0].wall_time) == (7, 1.0)


def _histogram(folder: Path, value: Summary.Value) -> Histogram:
    other = curves_of(folder, value).others["h"]
    assert other.kind is Kind.HISTOGRAM
    record = read_record(folder, "h", other.kind, other.places[0])
    assert isinstance(record, Histogram)
    return record


def test_an_old_histogram_becomes_buckets_within_its_least_and_greatest_value(tmp_path: Path) -> None:
    """data_compat.rs: test_enrich_tf1x_histogram; data_compat_test: test_histogram; testHistograms."""
    limits, counts = [-2.0, -1.0, 0.0, 1.0, 2.0, 1.7e308], [0.0, 10.0, 20.0, 20.0, 10.0, 0.0]
    old = HistogramProto(min=-1.999, max=1.999, num=60.0, bucket_limit=limits, bucket=counts)
    found = _histogram(tmp_path, Summary.Value(tag="h", histo=old))
    kept = found.counts > 0
    assert found.counts[kept].tolist() == [10.0, 20.0, 20.0, 10.0]
    assert found.rights[kept].tolist()[:3] == [-1.0, 0.0, 1.0]
    assert found.lefts[kept].tolist()[1:] == [-1.0, 0.0, 1.0]
    assert found.lefts.min() >= -2.0
    assert found.rights.max() <= 2.0


def test_an_old_histogram_of_one_bucket_has_its_extremes_as_edges(tmp_path: Path) -> None:
    """data_compat.rs: test_enrich_tf1x_histogram_single_bucket; data_compat_test: test_single_value_histogram."""
    old = HistogramProto(min=-1.0, max=1.0, num=2.0, bucket_limit=[1.7e308], bucket=[2.0])
    found = _histogram(tmp_path, Summary.Value(tag="h", histo=old))
    assert (found.lefts.tolist(), found.rights.tolist(), found.counts.tolist()) == ([-1.0], [1.0], [2.0])


def test_an_empty_histogram_has_no_buckets(tmp_path: Path) -> None:
    """data_compat.rs: test_enrich_tf1x_histogram_empty; data_compat_test: test_empty_histogram."""
    assert len(_histogram(tmp_path, Summary.Value(tag="h", histo=HistogramProto())).counts) == 0


@pytest.mark.parametrize(("num_limits", "num_counts"), [(0, 1), (1, 0), (1, 2), (2, 1)])
def test_a_histogram_whose_lists_do_not_fit_cannot_be_shown(tmp_path: Path, num_limits: int, num_counts: int) -> None:
    """data_compat.rs: test_enrich_tf1x_histogram_mismatched_field_lengths."""
    old = HistogramProto(bucket_limit=[0.0] * num_limits, bucket=[1.0] * num_counts)
    other = curves_of(tmp_path, Summary.Value(tag="h", histo=old)).others["h"]
    with pytest.raises(EventRecordUnreadable):
        read_record(tmp_path, "h", other.kind, other.places[0])


def test_a_new_histogram_is_a_table_of_three_columns(tmp_path: Path) -> None:
    """data_compat_test: test_new_style_histogram; data_compat.rs: test_enrich_tensor."""
    rows = np.array([[0.0, 1.0, 5.0], [1.0, 2.0, 7.0]])
    tensor = TensorProto(dtype="DT_DOUBLE", tensor_shape=shape(2, 3), tensor_content=rows.tobytes())
    found = _histogram(tmp_path, Summary.Value(tag="h", tensor=tensor, metadata=of_plugin("histograms")))
    assert np.array_equal(np.stack([found.lefts, found.rights, found.counts], axis=1), rows)


def _png() -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0" + bytes(4)


@pytest.mark.parametrize("is_new", [False, True])
def test_an_image_is_found_with_its_sides(tmp_path: Path, is_new: bool) -> None:
    """data_compat.rs: test_enrich_tf1x_image, test_metadata_tf2x_image_without_dataclass; testImages."""
    if is_new:
        parts = TensorProto(dtype="DT_STRING", tensor_shape=shape(3), string_val=[b"640", b"480", _png()])
        value = Summary.Value(tag="i", tensor=parts, metadata=of_plugin("images"))
    else:
        value = Summary.Value(tag="i", image=Summary.Image(height=480, width=640, encoded_image_string=_png()))
    other = curves_of(tmp_path, value).others["i"]
    assert other.kind is Kind.IMAGE
    assert read_record(tmp_path, "i", other.kind, other.places[0]) == (Image(_png(), "image/png", 640, 480),)


def test_audio_is_known_as_such(tmp_path: Path) -> None:
    """data_compat.rs: test_metadata_tf1x_audio and tf2x; dataclass_compat_test: test_audio; testAudio. It is not played."""
    old = Summary.Value(tag="old", audio=Summary.Audio(sample_rate=44100.0, encoded_audio_string=b"RIFFabcd"))
    parts = TensorProto(dtype="DT_STRING", tensor_shape=shape(1, 2), string_val=[b"RIFFabcd", b"label"])
    new = Summary.Value(tag="new", tensor=parts, metadata=of_plugin("audio"))
    others = curves_of(tmp_path, old, new).others
    assert {tag: one.kind for tag, one in others.items()} == {"old": Kind.AUDIO, "new": Kind.AUDIO}


def test_a_summary_without_a_value_is_no_point(tmp_path: Path) -> None:
    """run.rs: test_empty_summary_becomes_null_tensor; dataclass_compat_test: test_hparams."""
    values = [Summary.Value(tag=name, metadata=of_plugin(name)) for name in ("unknown", "hparams")]
    curves = curves_of(tmp_path, *values)
    assert dict(curves.series) == {}
    assert curves.others["hparams"].kind is Kind.HPARAMS
    assert curves.damage == ()


def test_tensors_of_unknown_plugins_are_kept_apart(tmp_path: Path) -> None:
    """data_compat.rs: test_metadata_custom_plugin_with_dataclass, ...unknown_plugin; test_unknown_summary_passes_through."""
    words = TensorProto(dtype="DT_STRING", string_val=[b"foo"])
    curves = curves_of(tmp_path, Summary.Value(tag="t", tensor=words, metadata=of_plugin("rando", b"preserved!")))
    assert curves.others["t"].kind is Kind.OTHER


def test_restarts_count_for_records_that_are_no_scalars_as_well(tmp_path: Path) -> None:
    """event_accumulator_test: testSessionLogStart... purges histograms and images with the scalars."""
    histogram = Summary.Value(tag="h", histo=HistogramProto(min=0, max=1, bucket_limit=[1.0], bucket=[1.0]))
    events = [Event(step=step, summary=Summary(value=[histogram])) for step in (1, 5, 9, 4)]
    write(tmp_path, "1", [frame(event.SerializeToString()) for event in events])
    assert [place.step for place in EventFolder(tmp_path).read().others["h"].places] == [1, 4]


def test_a_tag_can_hold_scalars_and_something_else(tmp_path: Path) -> None:
    """data_compat_test: test_doesnt_add_metadata_to_later_steps (a kind is told once, with the first value)."""
    write(tmp_path, "1", [scalar(1, 1.0, "t")])
    histogram = Summary.Value(tag="t", histo=HistogramProto(min=0, max=1, bucket_limit=[1.0], bucket=[1.0]))
    event = Event(step=2, summary=Summary(value=[histogram]))
    write(tmp_path, "2", [frame(event.SerializeToString()), scalar(3, 3.0, "t")])
    assert points(EventFolder(tmp_path).read(), "t") == [(1, 1.0), (3, 3.0)]
