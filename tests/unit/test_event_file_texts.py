"""Texts that the trainer writes into event files: TensorBoard shows them, and curves are not disturbed by them."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from backend.event_files.folder import EventFolder
from backend.trainer.curves import EventFile

TEXT = "> Was ist 1 + 2?\n\n3, natürlich. \U0001f642"


def write(folder: Path) -> None:
    events = EventFile(folder, first_step=0)
    events.add_text(0, {"samples/1": TEXT, "samples/2": ""})
    for step in range(1, 40):
        events.add(step, {"train/loss": 1 / step})
        if step % 10 == 0:
            events.add_text(step, {"samples/1": f"{TEXT} {step}", "guards/divergence": "x" * 100_000})
    events.close()


def test_tensorboard_reads_texts(tmp_path: Path) -> None:
    write(tmp_path)
    reader = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    reader.Reload()
    assert reader.SummaryMetadata("samples/1").plugin_data.plugin_name == "text"
    found = [(event.step, event.tensor_proto.string_val[0].decode()) for event in reader.Tensors("samples/1")]
    assert found == [(0, TEXT), *[(step, f"{TEXT} {step}") for step in (10, 20, 30)]]


def test_curves_beside_texts_are_whole(tmp_path: Path) -> None:
    write(tmp_path)
    curves = EventFolder(tmp_path).read()
    assert set(curves.series) == {"train/loss"}
    assert curves.series["train/loss"].steps.tolist() == list(range(1, 40))
    assert curves.damage == ()


def test_a_text_that_is_no_unicode_is_written_all_the_same(tmp_path: Path) -> None:
    events = EventFile(tmp_path, first_step=0)
    events.add_text(1, {"samples/1": "half a pair: \ud83d"})
    events.close()
    assert EventFolder(tmp_path).read().damage == ()
