"""Train and Monitor: the memory that a run would take beside the room, and three real steps on request."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from dependency_injector.providers import Object
from streamlit.testing.v1 import AppTest

from app.components.markdown_escape import escape
from backend.containers import StudioContainer
from backend.domain.actions import replace_draft
from backend.domain.run_directory import RunDirectory
from backend.services.bundle import Services
from tests.app.conftest import open_page
from tests.fakes.clock import FakeClock
from tests.fakes.lines import Reply, ScriptedProgram
from tests.fakes.machine import FakeMachine
from tests.fakes.memory import a_record, left_behind, says_trace
from tests.fakes.model_folders import weights
from tests.fakes.told_runs import add_run

LONG = 60.0


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    shapes = {"model.embed_tokens.weight": [8, 16], "model.layers.0.self_attn.q_proj.weight": [16, 16]}
    weights(folder / "model.safetensors", {name: ("F32", shape) for name, shape in shapes.items()})
    return folder


def filled(services: Services, model: Path | str, **more: Any) -> AppTest:
    draft = {"base_model": {"path": str(model)}, "dataset": {"path": "sample:demo.jsonl"}, **more}
    services.states.of("an earlier session").update_state(replace_draft(draft))
    at = open_page("train")
    assert not at.exception
    return at


def told(at: AppTest) -> dict[str, Any]:
    return {metric.label: metric for metric in at.metric}


def texts(at: AppTest) -> str:
    return "\n".join(one.value for kind in (at.caption, at.markdown, at.warning, at.error) for one in kind)


def forecasts(studio: StudioContainer, reply: Reply = lambda _: says_trace()) -> ScriptedProgram:
    program = ScriptedProgram(reply, FakeClock())
    studio.forecaster.override(Object(program))
    studio.machine.override(Object(FakeMachine()))
    return program


def test_the_range_stands_beside_the_form_with_its_parts_and_its_sources(studio: StudioContainer, model: Path) -> None:
    program = forecasts(studio)
    at = filled(studio.services(), model)
    found = studio.services().memory_forecasts.look(_config(studio, model), Path.cwd()).forecast
    assert found is not None
    assert " to " in told(at)["Memory at its peak"].value
    parts = next(table.value for table in at.table if "At its peak" in table.value)
    assert {"Base weights", "Activations"} <= set(parts["At its peak"])
    assert "It fits" in texts(at)
    assert all(escape(source) in texts(at) for source in found.sources)
    at.run()
    assert len(program.children) == 1


def _config(studio: StudioContainer, model: Path) -> Any:
    return studio.services().configs.parse(
        {"base_model": {"path": str(model)}, "dataset": {"path": "sample:demo.jsonl"}}
    )


def test_a_run_that_is_larger_than_the_room_is_warned_of_and_may_still_be_started(
    studio: StudioContainer, model: Path
) -> None:
    forecasts(studio, lambda _: says_trace(500_000))
    at = filled(studio.services(), model)
    assert "It will probably not fit" in texts(at)
    at.run()  # the finding above the button knows it now
    assert any("will probably not fit" in one.value for one in at.warning)
    assert not at.button(key="train-start").disabled


def test_a_program_that_cannot_tell_is_quoted(studio: StudioContainer, model: Path) -> None:
    forecasts(studio, lambda _: ["nonsense", 1])
    at = filled(studio.services(), model)
    assert told(at)["Memory at its peak"].value == "-"
    assert "Not forecast" in texts(at)


def test_nothing_is_fetched_for_a_forecast(
    studio: StudioContainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    program = forecasts(studio)
    at = filled(studio.services(), "org/name")
    assert program.children == []
    assert "not on this machine yet" in texts(at)
    assert at.button(key="memory-measure").disabled


def test_three_steps_are_taken_on_request_and_their_figure_replaces_the_range(
    studio: StudioContainer, model: Path
) -> None:
    forecasts(studio)
    record = json.dumps({"record": a_record(90).model_dump(mode="json")})
    studio.measurer.override(Object(ScriptedProgram(lambda _: [record, 0], FakeClock())))
    at = filled(studio.services(), model)
    at.button(key="memory-measure").click().run()
    assert not at.exception
    assert told(at)["Memory at its peak"].value == "690 MB"
    assert "measured with three steps on the longest batch" in texts(at)


def test_three_steps_that_run_out_of_memory_say_so(studio: StudioContainer, model: Path) -> None:
    forecasts(studio)
    studio.measurer.override(Object(ScriptedProgram(lambda _: [-9], FakeClock())))
    at = filled(studio.services(), model)
    at.button(key="memory-measure").click().run()
    assert not at.exception
    assert "for want of memory" in texts(at)
    assert " to " in told(at)["Memory at its peak"].value


def test_measuring_is_shown_and_can_be_ended(studio: StudioContainer, model: Path) -> None:
    forecasts(studio)
    go_on = threading.Event()

    def slow(_order: str) -> list[str | int]:
        assert go_on.wait(LONG)
        return []

    studio.measurer.override(Object(ScriptedProgram(slow, FakeClock())))
    services = studio.services()
    config = _config(studio, model)
    services.memory_forecasts.ask(config, Path.cwd(), LONG)
    job = services.measuring.start(config, Path.cwd())
    page: list[AppTest] = []
    drawing = threading.Thread(target=lambda: page.append(filled(services, model)))
    drawing.start()
    job.cancel()
    go_on.set()
    drawing.join(LONG)
    assert job.wait(LONG)
    assert not page[0].exception
    page[0].run()
    assert "Measuring was ended." in texts(page[0])


def test_several_processes_are_not_measured(studio: StudioContainer, model: Path) -> None:
    forecasts(studio)
    at = filled(studio.services(), model, devices={"processes": 2})
    assert at.button(key="memory-measure").disabled


def test_monitor_tells_what_a_run_took_beside_its_forecast(studio: StudioContainer, model: Path) -> None:
    forecasts(studio)
    order = {"base_model": str(model), "dataset": "sample:demo.jsonl"}
    run = add_run(studio, "done", order, base_model=str(model))
    left_behind(run.run_dir, a_record(90))
    services = studio.services()
    at = open_page("monitor", run="done")
    assert "no forecast was made, measured 690 MB of main memory" in texts(at)
    services.memory_forecasts.ask(services.comparing.order("done"), RunDirectory(run.run_dir).root, LONG)
    found = services.memory_forecasts.of_run(run)
    assert "forecast" in found.sentence()
    assert found.record is not None
    assert found.forecast is not None
    assert found.forecast.basis == "traced"  # what it took itself is left out
