"""Machine: measured hardware, verdicts on dependencies, storage and start-up."""

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from dependency_injector import providers
from streamlit.testing.v1 import AppTest

from backend.containers import StudioContainer
from backend.domain.machine import Gpu, GpuProcess, GpuReading, GpuSlice, Maker
from backend.domain.ports import Command
from backend.services.bundle import Services
from tests.app.conftest import open_page
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script
from tests.fakes.full_studio import full_studio
from tests.fakes.lines import ScriptedProgram
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


def test_names_of_gpus_programs_and_notes_are_shown_as_they_are(machine: FakeMachine) -> None:
    evil = "![x](http://evil)"
    programs = (GpuProcess(77, 5, evil), GpuProcess(78))
    part = GpuSlice("MIG-1", evil, 10, 5)
    gpu = Gpu(0, evil, "GPU-1", 10, 5, processes=programs, slices=(part,), is_partitioned=True, ecc_errors=3)
    machine.reading = GpuReading((gpu,), "1", "13.0")
    machine.others = (Gpu(0, evil, "other", maker=Maker.INTEL, memory_is_shared=True, max_clock_mhz=900),)
    at = open_page("machine")
    assert not at.exception
    texts = [one.value for kind in (at.markdown, at.caption, at.info, at.warning) for one in kind]
    assert sum("evil" in text for text in texts) == 4
    assert not any("![" in text for text in texts)
    assert any("3 errors that could not be corrected" in text.value for text in at.warning)
    assert any(
        "a program that cannot be seen from here (pid 78)" in text.value.replace("\\", "") for text in at.caption
    )


def test_a_run_on_a_gpu_is_a_link_to_it(studio: StudioContainer, workspace: Path) -> None:
    studio.executor.reset_last_overriding()  # a real one knows that this process lives
    with full_studio(workspace) as content:
        child = GpuProcess(4711, 5 * 2**30, "python", (os.getpid(), 2))
        gpu = replace(ONE_GPU.gpus[0], processes=(child, GpuProcess(99, None, "other")))
        studio.machine.override(providers.Object(FakeMachine(replace(ONE_GPU, gpus=(gpu,)))))
        at = open_page("machine")
        assert not at.exception
        (link,) = (one.proto for one in at.get("page_link") if "4711" in one.proto.label)
        assert content.live in link.label.replace("\\", "")
        assert link.query_string == f"run={content.live}"
        assert any("other (pid 99)" in text.value.replace("\\", "") for text in at.caption)


def test_memory_is_freed_by_a_click_that_says_how_much(machine: FakeMachine) -> None:
    at = open_page("machine")
    at.button(key="machine-free-memory").click().run()
    assert not at.exception
    assert "of memory became free" in at.success[0].value


def test_without_an_answer_of_torch_the_reason_is_told(studio: StudioContainer, machine: FakeMachine) -> None:
    program = ScriptedProgram(lambda _: ["{}", 1], FakeClock())
    studio.torch_asker.override(providers.Object(program))
    assert studio.services().cuda_truth.ask(60).error is not None
    at = open_page("machine")
    assert any("torch could not be asked" in text.value for text in at.warning)
    assert at.button(key="machine-ask-torch").label == "Check again"


def test_the_page_has_one_timer(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    timers = []
    real = st.fragment

    def counted(*args: Any, run_every: float | None = None, **more: Any) -> Any:
        timers.extend([run_every] if run_every else [])
        return real(*args, run_every=run_every, **more)

    monkeypatch.setattr(st, "fragment", counted)
    assert not open_page("machine").exception
    assert len(timers) == 1


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
    at = AppTest.from_function(opened_diagnostics, default_timeout=60)
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
