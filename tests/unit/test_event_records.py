"""Text, histograms, images and hyperparameters are read as TensorBoard's own messages say them."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tensorboard import data_compat
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.histogram_pb2 import HistogramProto
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.util import tensor_util
from torch.utils.tensorboard import SummaryWriter

from backend.domain.curve_records import Experiment, Histogram, HparamInfo, Image, SessionEnd, SessionStart, Text
from backend.domain.curves import Kind, Place
from backend.event_files.folder import EventFolder
from backend.event_files.headers import Headers
from backend.event_files.records import MAX_RECORD_BYTES, EventRecordUnreadable, read_record
from backend.event_files.resync import walk
from tests.fakes.event_bytes import frame, write

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 3, 2) + b"rest"


def _values(path: Path) -> Iterator[tuple[Summary.Value, Place]]:
    """Every value of a file by TensorBoard's messages, with the place of its record."""
    data = path.read_bytes()
    for start, length in walk(data, 0, Headers())[0]:
        event = Event.FromString(data[start : start + length])
        for value in event.summary.value:
            yield value, Place(path.name, start, length, event.step, event.wall_time)


def _place(path: Path, tag: str) -> Place:
    return next(place for value, place in _values(path) if value.tag == tag)


def _written(folder: Path, *values: Summary.Value) -> Path:
    """An event file with one record of these values."""
    event = Event(step=7, wall_time=3.0, summary=Summary(value=values))
    return write(folder, "1", [frame(event.SerializeToString())])


def _tensor(array: object, plugin: str = "") -> Summary.Value:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin))
    return Summary.Value(tag="tag", tensor=tensor_util.make_tensor_proto(array), metadata=metadata)


def _hparams(tag: str, **content: object) -> Summary.Value:
    """What the hparams plugin writes."""
    data = SummaryMetadata.PluginData(plugin_name="hparams", content=HParamsPluginData(**content).SerializeToString())
    return Summary.Value(tag=f"_hparams_/{tag}", metadata=SummaryMetadata(plugin_data=data))


def _read(path: Path, kind: Kind, tag: str = "tag") -> object:
    return read_record(path.parent, tag, kind, _place(path, tag))


def _refusal(path: Path, kind: Kind, place: Place | None = None) -> str:
    with pytest.raises(EventRecordUnreadable) as refused:
        read_record(path.parent, "tag", kind, place or _place(path, "tag"))
    assert refused.value.explain().id == "event-record-unreadable"
    return refused.value.explain().why


@pytest.fixture(scope="module")
def torch_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What torch writes with its own writer."""
    folder = tmp_path_factory.mktemp("torch")
    with SummaryWriter(folder) as writer:
        writer.add_scalar("loss", 0.5, 1)
        writer.add_scalar("new/loss", 0.25, 1, new_style=True)
        writer.add_text("sample", "Wer hütet das Licht?\n<script>", 2)
        writer.add_histogram("weights", np.arange(100.0) ** 2 - 50, 3)
        writer.add_image("picture", np.full((3, 5, 4), 0.5), 4)
        writer.add_images("pictures", np.full((2, 3, 5, 4), 0.5), 5)
    return next(folder.iterdir())


def test_a_text_of_torch_is_read(torch_file: Path) -> None:
    told = _read(torch_file, Kind.TEXT, "sample/text_summary")
    assert told == Text(("Wer hütet das Licht?\n<script>",), (1,))


def test_a_histogram_of_torch_has_the_buckets_that_tensorboard_shows(torch_file: Path) -> None:
    told = _read(torch_file, Kind.HISTOGRAM, "weights")
    value = next(value for value, _ in _values(torch_file) if value.tag == "weights")
    assert value.HasField("histo")
    expected = tensor_util.make_ndarray(data_compat.migrate_value(value).tensor)
    assert isinstance(told, Histogram)
    np.testing.assert_allclose(np.array([told.lefts, told.rights, told.counts]).T, expected, rtol=1e-6)
    assert told.counts.sum() == 100
    assert (told.lefts[0], told.rights[-1]) == (-50.0, 99.0**2 - 50)
    assert not told.counts.flags.writeable


def test_an_image_of_torch_is_read_and_not_decoded(torch_file: Path) -> None:
    (told,) = _read(torch_file, Kind.IMAGE, "picture")  # type: ignore[misc]
    assert isinstance(told, Image)
    value = next(value for value, _ in _values(torch_file) if value.tag == "picture")
    assert (told.media_type, told.width, told.height) == ("image/png", 4, 5)
    assert told.encoded == value.image.encoded_image_string


def test_hyperparameters_of_torch_are_read(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"lr": 0.5, "method": "lora", "bias": True, "rank": 8}, {"best/loss": 1.5}, run_name="trial")
    path = next((tmp_path / "trial").iterdir())
    experiment = _read(path, Kind.HPARAMS, "_hparams_/experiment")
    assert isinstance(experiment, Experiment)
    assert {info.name: info.kind for info in experiment.hparams} == {
        "lr": "number", "method": "string", "bias": "number", "rank": "number",  # so it writes what is true
    }  # fmt: skip
    assert [(metric.group, metric.tag) for metric in experiment.metrics] == [("", "best/loss")]
    start = _read(path, Kind.HPARAMS, "_hparams_/session_start_info")
    assert isinstance(start, SessionStart)
    assert dict(start.hparams) == {"lr": 0.5, "method": "lora", "bias": True, "rank": 8.0}
    assert _read(path, Kind.HPARAMS, "_hparams_/session_end_info") == SessionEnd("success", 0.0)


def test_an_experiment_tells_domains_names_and_metrics(tmp_path: Path) -> None:
    choices = api_pb2.HParamInfo(
        name="rank", type="DATA_TYPE_FLOAT64", display_name="Rank", description="of the adapter"
    )
    choices.domain_discrete.extend([4.0, "auto", True, None])
    interval = api_pb2.HParamInfo(
        name="lr", domain_interval=api_pb2.Interval(min_value=1e-5, max_value=1e-3), type="DATA_TYPE_FLOAT64"
    )
    metric = api_pb2.MetricInfo(name=api_pb2.MetricName(group="valid", tag="loss"), display_name="Loss")
    experiment = api_pb2.Experiment(
        hparam_infos=[choices, interval],
        metric_infos=[metric],
        user="me",
        description="a search",
        time_created_secs=12.5,
    )
    told = _read(
        _written(tmp_path, _hparams("experiment", experiment=experiment)), Kind.HPARAMS, "_hparams_/experiment"
    )
    assert isinstance(told, Experiment)
    assert told.hparams == (
        HparamInfo("rank", "Rank", "of the adapter", "number", (4.0, "auto", True, None), None, None),
        HparamInfo("lr", "", "", "number", (), 1e-5, 1e-3),
    )
    assert (told.user, told.description, told.created_at) == ("me", "a search", 12.5)
    assert [(m.group, m.tag, m.display_name) for m in told.metrics] == [("valid", "loss", "Loss")]


def test_a_session_tells_its_group_its_times_and_how_it_ended(tmp_path: Path) -> None:
    start = SessionStartInfo(group_name="trial-1", start_time_secs=5.0)
    start.hparams["lr"].number_value = 0.5
    start.hparams["nothing"].null_value = 0
    start.hparams["flag"].bool_value = False
    end = SessionEndInfo(status=api_pb2.STATUS_FAILURE, end_time_secs=9.0)
    values = (
        _hparams("session_start_info", session_start_info=start),
        _hparams("session_end_info", session_end_info=end),
    )
    path = _written(tmp_path, *values)
    told = _read(path, Kind.HPARAMS, "_hparams_/session_start_info")
    assert isinstance(told, SessionStart)
    assert (dict(told.hparams), told.group, told.started_at) == (
        {"lr": 0.5, "nothing": None, "flag": False},
        "trial-1",
        5.0,
    )
    assert _read(path, Kind.HPARAMS, "_hparams_/session_end_info") == SessionEnd("failure", 9.0)


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (0,)])
def test_texts_of_any_shape_are_read_row_by_row(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.array([f"text {i}".encode() for i in range(int(np.prod(shape)))], dtype=object).reshape(shape)
    told = _read(_written(tmp_path, _tensor(array, "text")), Kind.TEXT)
    assert told == Text(tuple(one.decode() for one in array.ravel()), shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_raw", [True, False])
def test_histograms_as_tensors_are_read(tmp_path: Path, dtype: type[np.floating], is_raw: bool) -> None:
    buckets = np.array([[0.0, 1.0, 3.0], [1.0, 2.5, 0.0], [2.5, 4.0, 9.0]], dtype)
    value = _tensor(buckets, "histograms")
    if is_raw:
        for field in ("float_val", "double_val"):
            value.tensor.ClearField(field)
        value.tensor.tensor_content = buckets.tobytes()
    told = _read(_written(tmp_path, value), Kind.HISTOGRAM)
    assert isinstance(told, Histogram)
    np.testing.assert_array_equal(np.array([told.lefts, told.rights, told.counts]).T, buckets)


@pytest.mark.parametrize("counts", [[0.0, 0.0], [0.0, 4.0, 0.0, 2.0, 0.0], [3.0], []])
def test_old_histograms_lose_their_empty_ends_as_in_tensorboard(tmp_path: Path, counts: list[float]) -> None:
    limits = [float(i) for i in range(len(counts))]
    value = Summary.Value(tag="tag", histo=HistogramProto(min=-0.5, max=3.5, bucket_limit=limits, bucket=counts))
    told = _read(_written(tmp_path, value), Kind.HISTOGRAM)
    expected = tensor_util.make_ndarray(data_compat.migrate_value(value).tensor)
    assert isinstance(told, Histogram)
    np.testing.assert_array_equal(np.array([told.lefts, told.rights, told.counts]).T, expected)


def test_images_as_tensors_are_read(tmp_path: Path) -> None:
    jpeg = b"\xff\xd8\xff\xe0more"
    gif = b"GIF89a" + struct.pack("<HH", 6, 5)
    array = np.array([b"9", b"8", PNG, jpeg, gif], dtype=object)
    told = _read(_written(tmp_path, _tensor(array, "images")), Kind.IMAGE)
    assert told == (Image(PNG, "image/png", 3, 2), Image(jpeg, "image/jpeg", 9, 8), Image(gif, "image/gif", 6, 5))


def test_a_tag_that_got_the_name_of_its_nested_folder_is_found(tmp_path: Path) -> None:
    path = _written(tmp_path / "sub", Summary.Value(tag="a/other"), *[_tensor("words", "text")])
    place = _place(path, "tag")
    nested = Place(f"sub/{path.name}", place.offset, place.length, place.step, place.wall_time)
    assert read_record(tmp_path, "sub/tag", Kind.TEXT, nested) == Text(("words",), ())


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        (_tensor(1.0), Kind.TEXT, "numbers instead of text"),
        (_tensor("words"), Kind.HISTOGRAM, "no table of buckets"),
        (_tensor(np.zeros((2, 4))), Kind.HISTOGRAM, "no table of buckets"),
        (_tensor(np.zeros((20_000, 3))), Kind.HISTOGRAM, "no table of buckets"),
        (_tensor("words"), Kind.IMAGE, "no picture"),
        (_tensor(np.array([b"1", b"1", b"<svg>"], dtype=object)), Kind.IMAGE, "no PNG"),
        (_tensor(np.array([b"x", b"1", PNG], dtype=object)), Kind.IMAGE, "without a size"),
        (_tensor(np.array([b"99999", b"1", b"\xff\xd8\xff"], dtype=object)), Kind.IMAGE, "99999 x 1 pixels"),
        (_tensor(np.array([b"x"] * 10_001, dtype=object)), Kind.TEXT, "too many texts"),
        (_tensor("words"), Kind.HPARAMS, "no hyperparameters"),
        (_tensor("words", "hparams"), Kind.HPARAMS, "no hyperparameters"),
        (_tensor("words"), Kind.AUDIO, "not shown"),
        (Summary.Value(tag="tag", simple_value=1.0), Kind.TEXT, "something else"),
        (Summary.Value(tag="tag", image=Summary.Image(width=1, height=1)), Kind.IMAGE, "no PNG"),
        (
            Summary.Value(tag="tag", histo=HistogramProto(bucket=[1.0, 2.0], bucket_limit=[1.0])),
            Kind.HISTOGRAM,
            "limits",
        ),
        (
            Summary.Value(tag="tag", tensor=TensorProto(dtype=7, string_val=[b"a", b"b"])),
            Kind.TEXT,
            "does not fit its shape",
        ),
    ],
)
def test_what_a_record_does_not_hold_is_refused_in_a_sentence(
    tmp_path: Path, value: Summary.Value, kind: Kind, reason: str
) -> None:
    assert reason in _refusal(_written(tmp_path, value), kind)


def test_damaged_moved_and_missing_records_are_refused(tmp_path: Path) -> None:
    path = _written(tmp_path, _tensor("words"))
    place = _place(path, "tag")
    elsewhere = Place(path.name, place.offset + 1, place.length, 7, 3.0)
    assert "checksum" in _refusal(path, Kind.TEXT, elsewhere)
    assert "checksum" in _refusal(path, Kind.TEXT, Place(path.name, place.offset, place.length - 1, 7, 3.0))
    assert "checksum" in _refusal(path, Kind.TEXT, Place(path.name, 10**12, place.length, 7, 3.0))
    assert "MiB" in _refusal(path, Kind.TEXT, Place(path.name, place.offset, MAX_RECORD_BYTES + 1, 7, 3.0))
    data = bytearray(path.read_bytes())
    data[-6] ^= 1
    path.write_bytes(data)
    assert "checksum" in _refusal(path, Kind.TEXT, place)
    path.unlink()
    assert "gone" in _refusal(path, Kind.TEXT, place)


def test_files_outside_of_the_folder_are_not_read(tmp_path: Path) -> None:
    path = _written(tmp_path / "outside", _tensor("secret"))
    place = _place(path, "tag")
    inside = tmp_path / "run"
    inside.mkdir()
    (inside / "link").symlink_to(path)
    for file in ("link", f"../outside/{path.name}", str(path)):
        with pytest.raises(EventRecordUnreadable, match="outside of the folder"):
            read_record(inside, "tag", Kind.TEXT, Place(file, place.offset, place.length, 7, 3.0))


def test_what_the_reader_found_can_be_shown_also_of_nested_trials(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_text("sample", f"words {step}", step)
            writer.add_histogram("weights", np.arange(100.0) * step, step)
            writer.add_image("picture", np.zeros((3, 5, 4)), step)
        writer.add_hparams({"lr": 0.5}, {"best": 1.5}, run_name="trial")
    others = EventFolder(tmp_path).read().others
    told = {
        tag: [read_record(tmp_path, tag, other.kind, place) for place in other.places] for tag, other in others.items()
    }
    assert told["sample/text_summary"] == [Text((f"words {step}",), (1,)) for step in range(3)]
    assert [type(one) for one in told["weights"]] == [Histogram] * 3
    assert [len(one) for one in told["picture"] if isinstance(one, tuple)] == [1] * 3
    assert isinstance(told["trial/_hparams_/experiment"][0], Experiment)
    (start,) = told["trial/_hparams_/session_start_info"]
    assert isinstance(start, SessionStart)
    assert dict(start.hparams) == {"lr": 0.5}
