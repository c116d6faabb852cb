"""Machine: measured hardware, verdicts on dependencies, storage and start-up."""

import shlex

import pytest
from dependency_injector import providers
from streamlit.testing.v1 import AppTest

from backend.containers import StudioContainer
from backend.domain.ports import Command
from backend.services.bundle import Services
from tests.app.conftest import open_page
from tests.fakes.executor import FakeExecutor, Script
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


def lacking(studio: StudioContainer, **installed: str) -> FakeExecutor:
    """A studio that lacks peft, and what would install it."""
    packages = FakePackages({"torch": "2.13.0", "pip": "26.1", **installed}, ["torch>=2.13", "peft>=0.21"])
    studio.packages.override(providers.Object(packages))
    executor = studio.executor()
    assert isinstance(executor, FakeExecutor)

    def install(command: Command) -> None:
        command.log.parent.mkdir(parents=True, exist_ok=True)
        command.log.write_text("Successfully installed peft-0.21.2\n")
        packages.installed["peft"] = "0.21.2"

    executor.scripts.append(Script(on_start=install, lives_seconds=1))
    return executor


def test_a_missing_package_is_installed_after_showing_the_command_and_asking(
    studio: StudioContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    executor = lacking(studio)
    services = studio.services()
    studio.installs()._python = "/venv/bin/python"  # the interpreter of the fake packages
    at = open_page("machine")
    assert any("Required packages missing: peft" in text.value for text in at.markdown)
    command = services.dependencies.check_all().repair
    assert shlex.join(command) in [code.value for code in at.code]
    at.button(key="install-ask").click().run()
    assert executor.commands == []
    at.button(key="install-yes").click().run()
    job = services.installs.job()
    assert job is not None
    assert job.wait(60)
    assert [each.argv for each in executor.commands] == [command]
    at.run()
    assert not at.exception
    assert any("Done" in text.value for text in at.success)
    assert "Successfully installed peft-0.21.2" in [code.value for code in at.code]
    assert "install-ask" not in [button.key for button in at.button]  # the checks looked again: nothing is missing


def test_nothing_is_installed_where_that_is_switched_off(
    studio: StudioContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking(studio)
    monkeypatch.setattr("sys.frozen", True, raising=False)
    at = open_page("machine")
    assert "install-ask" not in [button.key for button in at.button]
    assert any("This studio is a bundle" in text.value for text in at.caption)


def test_the_diagnostics_are_listed_before_they_are_made(machine: FakeMachine, services: Services) -> None:
    at = AppTest.from_function(opened_diagnostics)
    at.run()
    assert not at.exception
    assert "dependencies.json" in list(at.dataframe[0].value["File"])
    assert services.diagnostics.make().startswith(b"PK")


def opened_diagnostics() -> None:
    from contextlib import contextmanager

    from app.components import diagnostics_box
    from app.runtime import get_services

    @contextmanager
    def opened(*_: str):  # type: ignore[no-untyped-def] # noqa: ANN202
        yield True

    known, diagnostics_box.lazy_expander = diagnostics_box.lazy_expander, opened
    try:
        diagnostics_box.diagnostics_box(get_services().diagnostics.parts, get_services().diagnostics.make)
    finally:
        diagnostics_box.lazy_expander = known
