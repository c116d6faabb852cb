"""A run's event file says how far it is, where its time goes, what the machine does, and with which settings."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.domain.run_directory import RunDirectory
from backend.probes.energy import ProcessorEnergy
from backend.trainer import system, training
from backend.trainer.stop import StopRequested
from backend.trainer.system import Price, SampledSystem, SystemCurves
from backend.trainer.usage import RunUsage
from tests.training.recipe_runs import RECIPES, sections_for
from tests.training.runs import Crash, MakeRun, Room, all_curves, attempt_here, curves, wait_until, weights

pytestmark = pytest.mark.training

PLACE = {"train/epoch", "train/num_tokens"}
SPLIT = ("perf/data_seconds", "perf/forward_backward_seconds", "perf/optimizer_seconds")
SPEED = {*SPLIT, "perf/checkpoint_seconds", "perf/seconds_per_step", "perf/tokens_per_second"}
SYSTEM = {"system/memory_bytes", "system/trainer_memory_bytes", "system/disk_free_bytes"}


@pytest.fixture(scope="module")
def run(room: Room, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Two passes over every row, a point of the curve every second step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEFT_STUDIO_THREADS", "1")
        patch.setattr(SampledSystem, "take", taken_after_a_reading)
        made = MakeRun(room, tmp_path_factory.mktemp("run"))("two-passes", **sections(room))
        attempt_here(made)
    return made


TAKE = SampledSystem.take


def taken_after_a_reading(self: SampledSystem) -> dict[str, float]:
    """A few tiny steps may be over before the thread that reads had its first turn."""
    wait_until(lambda: self.cost_seconds > 0 or not self._thread.is_alive())
    return TAKE(self)


class Patient(SampledSystem):
    """Has a reading for each point of a curve, however slow the machine is."""

    def take(self) -> dict[str, float]:
        wait_until(lambda: bool(self._sums) or not self._thread.is_alive())
        return super().take()


def sections(room: Room) -> dict[str, Any]:
    dataset = {"path": str(room.dataset), "validation_fraction": 0.0}
    return {
        "dataset": dataset,
        "training": {"max_steps": None, "epochs": 2, "logging_steps": 2, "batch_size": 7, "save_steps": 5},
    }


def records(run: RunDirectory) -> list[Any]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    (file,) = run.tensorboard.iterdir()
    return list(EventFileLoader(str(file)).Load())


def test_all_of_a_logged_step_is_in_one_record(run: RunDirectory) -> None:
    points = [record for record in records(run) if record.HasField("summary")]
    tags = [{value.tag for value in record.summary.value} for record in points]
    settings, *logged, end = tags
    assert settings == {"_hparams_/session_start_info"}
    assert end == {"_hparams_/session_end_info"}
    assert [record.step for record in points[1:-1]] == [2, 4, 6, 8, 10, 12]
    for found in logged:
        assert {"train/loss", "train/learning_rate", "train/grad_norm"} | PLACE | SPEED <= found
    assert set().union(*logged) >= SYSTEM


def test_the_parts_of_a_step_are_most_of_it_and_checkpoints_come_on_top(run: RunDirectory) -> None:
    found = {tag: [value for _, value in points] for tag, points in all_curves(run).items()}
    shares = [
        sum(found[tag][index] for tag in SPLIT) / seconds
        for index, seconds in enumerate(found["perf/seconds_per_step"])
    ]
    assert 0.5 < max(shares) <= 1.001, "on a busy machine some steps wait between their parts"
    waited = dict(all_curves(run)["perf/checkpoint_seconds"])
    assert {step for step, seconds in waited.items() if seconds > 0} == {6, 12}  # saved behind steps 5 and 10


def test_two_passes_train_each_token_twice(run: RunDirectory, room: Room) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(room.models["llama"])
    rows = [json.loads(line)["messages"] for line in room.dataset.read_text().splitlines()]
    once = sum(len(tokenizer.apply_chat_template(row, return_dict=False)) for row in rows)

    found = curves(run)
    assert found["train/num_tokens"][2] == (6, once)
    assert found["train/num_tokens"][-1] == (12, 2 * once)
    assert found["train/epoch"][-1] == (12, 2.0)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_counts_tokens_and_epochs_exactly_over_a_kill(
    recipe: str, make_run: MakeRun, tmp_path: Path
) -> None:
    order = sections_for(recipe, tmp_path)
    order["training"] |= {"max_steps": 4, "save_steps": 2, "logging_steps": 3}
    calm, hit = make_run("calm", **order), make_run("hit", **order)
    attempt_here(calm)
    with pytest.raises(Crash):
        attempt_here(hit, crash_at=3)
    attempt_here(hit)
    places = [{tag: curves(run)[tag] for tag in PLACE} for run in (calm, hit)]
    assert places[0] == places[1]
    (_, first), (_, last) = places[0]["train/num_tokens"]
    assert 0 < first < last
    assert all_curves(hit).keys() >= SPEED


def test_a_stop_between_two_points_loses_no_token(run: RunDirectory, make_run: MakeRun, room: Room) -> None:
    stopped = make_run("two-passes", **sections(room))
    for step in (3, 7):
        with pytest.raises(StopRequested):
            attempt_here(stopped, stop_at=step)
    attempt_here(stopped)
    assert curves(stopped) == curves(run)
    assert weights(stopped) == weights(run)


def test_a_checkpoint_that_never_counted_tokens_leaves_them_unknown(make_run: MakeRun) -> None:
    run = make_run()
    with pytest.raises(Crash):
        attempt_here(run, crash_at=7)
    progress = training.resume_point(run.checkpoints)
    assert progress is not None
    from backend.store.checkpoints import MANIFEST, write_manifest_text
    from backend.trainer.progress import FILE, Progress

    read = Progress.read(progress.path)
    assert read is not None
    (progress.path / FILE).write_text(replace(read, num_tokens=None).text())
    (progress.path / MANIFEST).write_text(write_manifest_text(progress.path, progress.step))

    attempt_here(run)

    assert [step for step, _ in curves(run)["train/num_tokens"]] == [1, 2, 3, 4, 5]
    assert curves(run)["train/loss"][-1][0] == 12


def test_reading_the_machine_changes_no_bit(
    run: RunDirectory, make_run: MakeRun, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "system_curves", lambda *_: SystemCurves())
    blind = make_run("two-passes", **sections(room))
    attempt_here(blind)
    assert weights(blind) == weights(run)
    assert curves(blind) == curves(run)
    assert not any(tag.startswith("system/") for tag in all_curves(blind))


def test_tensorboard_s_own_reader_finds_the_settings_and_the_end(run: RunDirectory) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import api_pb2, metadata

    reader = EventAccumulator(str(run.tensorboard))
    reader.Reload()
    found = reader.PluginTagToContent("hparams")
    start = metadata.parse_session_start_info_plugin_data(found["_hparams_/session_start_info"])
    end = metadata.parse_session_end_info_plugin_data(found["_hparams_/session_end_info"])
    assert start.group_name == "two-passes"
    assert start.hparams["method"].string_value == "lora"
    assert start.hparams["method.dropout"].number_value == 0.1
    assert start.hparams["training.learning_rate"].number_value == 5e-3
    assert start.hparams["training.gradient_checkpointing"].bool_value is False
    assert "training.gradient_checkpointing" in start.hparams
    assert "training.max_steps" not in start.hparams
    assert start.hparams["effective_batch_size"].number_value == 7
    assert 0 < start.start_time_secs <= end.end_time_secs
    assert end.status == api_pb2.Status.STATUS_SUCCESS


def test_a_run_that_is_not_finished_has_no_end(make_run: MakeRun) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = make_run()
    with pytest.raises(Crash):
        attempt_here(run, crash_at=2)
    reader = EventAccumulator(str(run.tensorboard))
    reader.Reload()
    assert set(reader.PluginTagToContent("hparams")) == {"_hparams_/session_start_info"}


class Meter(ProcessorEnergy):
    """A power meter that counts three joules between any two readings."""

    def joules(self) -> float:
        return 3.0


def test_energy_and_its_cost_are_sums_over_all_attempts(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def metered(root: Path, spent: float | None, environ: Mapping[str, str]) -> SampledSystem:
        usage = RunUsage(root, os.getpid(), {}, processor=Meter(root))
        return Patient(usage.read, spent, Price.of(environ), interval_seconds=0.01)

    monkeypatch.setattr(training, "system_curves", metered)
    monkeypatch.setattr(system, "MOST_SHARE", 1.0)  # a reading that took long is not followed by seconds without one
    monkeypatch.setenv("PEFT_STUDIO_ENERGY_PRICE_PER_KWH", "0.5")
    monkeypatch.setenv("PEFT_STUDIO_ENERGY_CURRENCY", "EUR")
    run = make_run(training={"max_steps": 200, "save_steps": 50})
    with pytest.raises(Crash):
        attempt_here(run, crash_at=120)
    before = all_curves(run)["system/energy_joules"]
    attempt_here(run)

    found = all_curves(run)
    joules = dict(found["system/energy_joules"])
    assert list(joules.values()) == sorted(joules.values())
    assert max(joules) > 120
    is_spent = [spent >= before[-1][1] for step, spent in joules.items() if step > 100]
    assert is_spent, "the second attempt has points"
    assert all(is_spent), "what was spent on lost steps is spent"
    for step, cost in found["system/energy_cost"]:
        assert cost == pytest.approx(joules[step] / 3.6e6 * 0.5)
    assert found["system/power_watts"]
    assert texts(run)["system/energy_price"] == "0.5 EUR per kWh"


def texts(run: RunDirectory) -> dict[str, str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(run.tensorboard))
    reader.Reload()
    return {
        tag: reader.Tensors(tag)[-1].tensor_proto.string_val[0].decode()
        for tag in reader.Tags()["tensors"]
        if "hparams" not in tag
    }
