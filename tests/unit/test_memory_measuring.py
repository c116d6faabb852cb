"""Three real steps on request: what they took is kept for that configuration, and nothing else is left of them."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from backend.domain.memory_forecast import Basis
from backend.domain.memory_steps import SAVED_AFTER, StepsOrder, of_three_steps
from backend.services.jobs import Job, JobState
from backend.services.memory_measuring import LEFT_SECONDS, MeasuringNotPossible, MemoryMeasuring
from tests.fakes.lines import Reply, ScriptedProgram
from tests.fakes.memory import MB, a_record
from tests.fakes.run_configs import a_config
from tests.unit.test_memory_forecasts import Desk

WRONG = {"id": "gpu-out-of-memory", "what": "The memory is exhausted.", "why": "CUDA.", "fix": "Halve.", "at": "now"}


def says_record(**facts: Any) -> list[str | int]:
    return [
        '{"progress": "step 1 of 3"}',
        json.dumps({"record": a_record(90, **facts).model_dump(mode="json")}),
        0,
    ]


class Bench:
    """Measuring beside forecasts, each over a scripted program."""

    def __init__(self, folder: Path, reply: Reply) -> None:
        (folder / "model").mkdir(exist_ok=True)
        (folder / "model" / "config.json").write_text('{"model_type": "llama"}')
        self.desk = Desk(folder)
        self.folder = folder
        self.places: list[bool] = []

        def told(order: str) -> Any:
            self.places.append(Path(StepsOrder.model_validate_json(order).folder).is_dir())
            return reply(order)

        self.program = ScriptedProgram(told, self.desk.clock)
        self.measuring = MemoryMeasuring(
            program=self.program, clock=self.desk.clock, forecasts=self.desk.forecasts, folder=folder / "steps"
        )

    def measure(self, **order: Any) -> Job:
        job = self.measuring.start(a_config(**{"base_model": "model"} | order), self.folder)
        assert job.wait(60)
        return job


def test_the_figures_are_kept_for_the_configuration_and_the_place_is_tidied_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: says_record())
    job = bench.measure(training={"batch_size": 2})
    assert (job.state, job.said, job.share) == (JobState.DONE, "step 1 of 3", 0.25)
    found = bench.desk.look(training={"batch_size": 2}).forecast
    assert found is not None
    assert (found.basis, found.likely_bytes) == (Basis.MEASURED, 690 * MB)
    assert bench.desk.look().forecast is None
    assert bench.places == [True]
    assert list((tmp_path / "steps").iterdir()) == []
    order = StepsOrder.model_validate_json(bench.program.children[0].heard[0])
    assert order.config.base_model.path == str(tmp_path / "model")
    assert bench.program.environments[0]["HF_HUB_OFFLINE"] == "1"
    assert bench.measuring.job(a_config(base_model="model", training={"batch_size": 2}), tmp_path) is job


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([json.dumps({"error": WRONG, "exit_code": 70}), 70], "CUDA."),
        ([-9], "kills it for want of memory"),
        (says_record(steps=1), "ended with code"),
        (says_record(device="cuda"), "trained on cuda, not cpu"),
    ],
)
def test_what_cannot_be_measured_is_said_instead_of_a_number(said: list[Any], told: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: said)
    job = bench.measure()
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert told in job.error.why
    assert bench.desk.look().forecast is None
    assert list((tmp_path / "steps").iterdir()) == []
    bench.program.reply = lambda _: says_record()
    assert bench.measure().state is JobState.DONE


def test_measuring_ends_on_request_and_its_program_with_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: [])
    job: list[Job] = []
    is_started = threading.Event()

    def stop(_order: str) -> list[str | int]:
        assert is_started.wait(60)
        job[0].cancel()
        return []

    bench.program.reply = stop
    job.append(bench.measuring.start(a_config(base_model="model"), tmp_path))
    is_started.set()
    assert job[0].wait(60)
    assert job[0].state is JobState.CANCELLED
    assert bench.program.children[0].exit_code is not None
    assert list((tmp_path / "steps").iterdir()) == []
    bench.measuring.close()


def test_several_processes_are_not_measured_by_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: says_record())
    with pytest.raises(MeasuringNotPossible):
        bench.measuring.start(a_config(base_model="model", devices={"processes": 2}), tmp_path)


def test_places_that_a_power_failure_left_go_and_others_stay(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: says_record())
    old, young = tmp_path / "steps" / "steps-old", tmp_path / "steps" / "steps-young"
    now = bench.desk.clock.now().timestamp()
    for place, age in ((old, LEFT_SECONDS + 1), (young, LEFT_SECONDS - 1)):
        place.mkdir(parents=True)
        os.utime(place, (now - age, now - age))
    bench.measure()
    assert list((tmp_path / "steps").iterdir()) == [young]


def test_a_place_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: says_record())
    (tmp_path / "steps").touch()
    job = bench.measure()
    assert job.error is not None
    assert job.error.id == "no-place-to-measure"


def test_three_steps_evaluate_and_ask_nothing_and_hold_one_copy_for_a_checkpoint() -> None:
    config = a_config(training={"eval_steps": 1, "max_steps": 500}, samples={"prompts": ["Hello?"]})
    short = of_three_steps(config)
    assert (short.training.eval_steps, short.training.save_steps, short.samples.prompts) == (None, SAVED_AFTER, ())
    assert short.training.max_steps == 500
    assert short.training.batch_size == config.training.batch_size
