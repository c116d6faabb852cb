"""Machine: measured hardware, verdicts on dependencies, storage and start-up."""

import pytest
from dependency_injector import providers

from backend.containers import StudioContainer
from backend.services.bundle import Services
from tests.app.conftest import open_page
from tests.fakes.machine import ONE_GPU, FakeMachine, FakePackages


@pytest.fixture
def machine(studio: StudioContainer) -> FakeMachine:
    machine = FakeMachine()
    studio.machine.override(providers.Object(machine))
    return machine


def test_without_a_gpu_the_reason_is_told(machine: FakeMachine) -> None:
    at = open_page("machine")
    assert "No NVIDIA driver was found" in at.info[0].value
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures["Memory in use"] == "4 GiB"
    assert figures["Free on disk"] == "100 GiB"
    assert figures["Processor"] == "-"


def test_a_gpu_is_drawn_with_its_figures(machine: FakeMachine) -> None:
    machine.reading = ONE_GPU
    at = open_page("machine")
    assert any("NVIDIA H200" in text.value for text in at.markdown)
    assert "40 °C" in [metric.value for metric in at.metric]
    assert "120 W" in [metric.value for metric in at.metric]


def test_what_waits_for_the_next_run_is_told(machine: FakeMachine) -> None:
    assert any("the setting spare is off" in text.value for text in open_page("machine").caption)


def test_the_dashboards_own_memory_is_told(machine: FakeMachine) -> None:
    assert any(text.value.startswith("The dashboard takes ") for text in open_page("machine").caption)


def test_every_dependency_has_a_verdict(studio: StudioContainer) -> None:
    packages = FakePackages({"torch": "1.0"}, ["torch>=2.13", "peft"])
    studio.packages.override(providers.Object(packages))
    table = open_page("machine").dataframe[0].value
    verdicts = dict(zip(table["Name"], table["Verdict"], strict=True))
    assert verdicts["torch"] == "fails"
    assert verdicts["peft"] == "missing"
    assert verdicts["python"] == "passes"
    assert verdicts["unsloth"] == "optional, not installed"
    assert list(table["Name"])[:2] == ["torch", "peft"]


def test_storage_counts_what_lies_in_the_workspace(services: Services, studio: StudioContainer) -> None:
    run = studio.settings().runs_folder / "a-run"
    run.mkdir(parents=True)
    (run / "weights").write_bytes(b"x" * 2048)
    parts = next(table.value for table in open_page("machine").dataframe if "Part" in table.value)
    sizes = dict(zip(parts["Part"], parts["Size"], strict=True))
    assert sizes["Trash"] == "0 B"
    assert sizes["Runs"] == "2 KiB"


def test_startup_phases_are_listed_once_it_is_over(services: Services) -> None:
    assert "still starting" in " ".join(text.value for text in open_page("machine").caption)
    services.startup.record("Imports", 9.5)
    services.startup.finish()
    at = open_page("machine")
    assert any("9.50 s, over the budget" in text.value for text in at.markdown)
    assert "Imports" in list(at.dataframe[-1].value["Phase"])


def test_the_trash_is_emptied_only_after_asking(machine: FakeMachine, studio: StudioContainer) -> None:
    trash = studio.settings().trash_folder
    (trash / "run-ab12").mkdir(parents=True)
    (trash / "run-ab12" / "weights").write_bytes(bytes(2048))
    at = open_page("machine")
    at.button(key="machine-trash").click().run()
    assert "erased for good: 2 KiB of deleted runs" in " ".join(text.value for text in at.markdown)
    assert (trash / "run-ab12").is_dir()
    at.button(key="trash-yes").click().run()
    assert not at.exception
    assert list(trash.iterdir()) == []
    assert "2 KiB became free" in at.success[0].value.replace("\\", "")
    assert "machine-trash" not in [button.key for button in at.button]
