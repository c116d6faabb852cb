"""Whatever the machine is, the page, the HTTP interface, and the doctor's JSON and text tell the same truth."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dependency_injector.providers import Object
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from app.components.sizes import in_bytes
from app.server import routes
from backend.cli import context
from backend.cli.machine_lines import machine_lines
from backend.cli.main import run
from backend.containers import StudioContainer, build_container
from backend.domain.cuda_truth import sentence
from backend.domain.gpu_owners import Owner
from backend.domain.machine import Cpu, Disk, DriverState, Gpu, GpuProcess, HardwareSnapshot, MachineProbe, Memory
from backend.services.cuda_truth import Asking, TorchNotAsked
from config.settings import Settings
from tests.app.conftest import open_page
from tests.app.machine_fields import TORCH as TORCH_FIELDS
from tests.app.machine_fields import check_fields, check_that_no_field_is_forgotten, missing, section
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor
from tests.fakes.lines import ScriptedProgram
from tests.fakes.machine import FakePackages
from tests.fakes.machines import MACHINES, ScriptedMachine
from tests.fakes.nvml import GIB

TORCH = ("torch>=2.13", "transformers>=5")


@dataclass
class Faces:
    """The four, as they told it."""

    page: AppTest
    hardware: dict[str, Any]  # of the HTTP interface
    torch: dict[str, Any]
    dependencies: dict[str, Any]
    health: dict[str, Any]
    doctor: dict[str, Any]
    terminal: str  # the doctor's text

    @property
    def text(self) -> str:
        """All that can be read in the page, as it is shown."""
        kinds = (self.page.markdown, self.page.caption, self.page.info, self.page.warning, self.page.error)
        return "\n".join(one.value for kind in kinds for one in kind).replace("\\", "")

    @property
    def figures(self) -> list[tuple[str, str]]:
        return [(metric.label, metric.value) for metric in self.page.metric]


def prepared(studio: StudioContainer, machine: MachineProbe, scripted: ScriptedMachine) -> None:
    versions = {"torch": scripted.torch.version.partition("+")[0], "transformers": "5.23.0"}
    studio.executor.override(Object(FakeExecutor(FakeClock())))
    studio.machine.override(Object(machine))
    studio.packages.override(Object(FakePackages(versions, TORCH, build=scripted.torch)))
    studio.torch_asker.override(Object(ScriptedProgram(scripted.torch_program, FakeClock())))


@pytest.fixture(params=MACHINES, ids=str)
def scripted(request: pytest.FixtureRequest) -> ScriptedMachine:
    return MACHINES[request.param]


@pytest.fixture
def faces(
    scripted: ScriptedMachine,
    studio: StudioContainer,
    workspace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Faces]:
    machine = scripted.build(tmp_path / "scripted")
    prepared(studio, machine, scripted)
    assert studio.services().cuda_truth.ask(wait_seconds=60).truth is not None
    client = TestClient(Starlette(routes=routes()), base_url="http://localhost")
    told, health, dependencies = (client.get(f"/api/{name}").json() for name in ("machine", "health", "dependencies"))
    page = open_page("machine")
    assert not page.exception
    terminals: list[StudioContainer] = []

    def terminal(*_: object) -> StudioContainer:
        terminals.append(build_container(Settings(workspace=workspace)))
        prepared(terminals[-1], machine, scripted)
        return terminals[-1]

    monkeypatch.setattr(context, "build_container", terminal)
    doctor = json.loads(said("doctor", "--json", capsys=capsys))
    text = said("doctor", capsys=capsys)
    assert all(each.torch_asker().children == [] for each in terminals), "the doctor asks torch only when told to"
    yield Faces(page, told["hardware"], told["torch"], dependencies, health, doctor, text)
    for each in terminals:
        each.shutdown_resources()


def said(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        run(list(words))
    out = capsys.readouterr().out
    assert not left.value.code, out
    return out


def lasting(hardware: dict[str, Any]) -> dict[str, Any]:
    """Without what changes between two looks: the time, the load, and what is free on a disk that others use."""
    kept = {key: value for key, value in hardware.items() if key != "at"}
    kept["cpu"] = {key: value for key, value in hardware["cpu"].items() if key != "busy_percent"}
    kept["disk"] = hardware["disk"] | {"free_bytes": 0}
    kept["disks"] = [disk | {"free_bytes": 0} for disk in hardware["disks"]]
    return kept


def test_the_page_the_interface_and_the_doctor_agree(scripted: ScriptedMachine, faces: Faces) -> None:
    assert faces.health["status"] == "ok"
    hardware = faces.hardware
    assert lasting(hardware) == lasting(faces.doctor["hardware"])
    check_what_is_there(scripted, hardware)
    check_the_page(scripted, faces)
    check_cuda(scripted, faces)
    check_the_text(scripted, faces)


def check_what_is_there(scripted: ScriptedMachine, hardware: dict[str, Any]) -> None:
    assert hardware["gpu_state"] == scripted.state
    assert tuple(gpu["name"] for gpu in hardware["gpus"]) == scripted.gpu_names
    assert tuple(gpu["name"] for gpu in hardware["other_gpus"]) == scripted.others
    assert bool(hardware["gpus"]) == (scripted.state is DriverState.READY)
    assert bool(hardware["gpu_note"]) != bool(hardware["gpus"])
    assert bool(hardware["driver_version"]) == (scripted.state in {DriverState.READY, DriverState.NO_DEVICE})


def check_the_page(scripted: ScriptedMachine, faces: Faces) -> None:
    hardware, text, figures = faces.hardware, faces.text, faces.figures
    cpu, memory = hardware["cpu"], hardware["memory"]
    assert f"{cpu['model']}, {cpu['physical_cores']} physical cores, now at 2,400 MHz of at most 3,600 MHz" in text
    assert ("Memory in use", in_bytes(memory["total_bytes"] - memory["available_bytes"])) in figures
    assert ("Load, 1 minute", f"{cpu['load'][0]:.2f}") in figures
    assert ("limits memory to" in text) == (memory["limit_bytes"] is not None)
    assert ("allows 1.5 cores" in text) == (cpu["limit_cores"] is not None)
    assert ("There is no swap" in text) == (memory["swap_total_bytes"] == 0)
    assert all(f"free of {in_bytes(disk['total_bytes'])}" in text for disk in hardware["disks"])
    assert hardware["gpu_note"] in text
    for gpu in (*hardware["gpus"], *hardware["other_gpus"]):
        assert f"GPU {gpu['index']}: {gpu['name']}" in text
        assert ("Memory in use", in_bytes(gpu["memory_used_bytes"])) in figures
        assert ("Power", f"{gpu['power_watts']:,.0f} W") in figures
        assert all(f"(pid {process['pid']}" in text for process in gpu["processes"])
        assert all(part["uuid"] in text and part["name"] in text for part in gpu["slices"])
    for words in (*scripted.words, *scripted.page_words):
        assert words in text
    assert len([label for label, _ in figures if label == "Temperature"]) == len(scripted.gpu_names + scripted.others)


def check_cuda(scripted: ScriptedMachine, faces: Faces) -> None:
    (of_doctor,) = (check for check in faces.doctor["dependencies"]["checks"] if check["name"] == "cuda")
    assert faces.dependencies["cuda_available"] == of_doctor["installed"] == scripted.works
    assert faces.torch["is_available"] == scripted.says.is_available
    assert len(faces.torch["devices"]) == len(scripted.says.devices)
    assert sentence(scripted.says) in faces.text
    is_warned = "Training will use CPU (slower)" in faces.text
    assert is_warned == (not scripted.works)
    assert ("CUDA not detected" in faces.text) == (scripted.state is not DriverState.READY)
    if not scripted.works:
        assert of_doctor["error"]
        assert of_doctor["fix_instructions"]


def check_the_text(scripted: ScriptedMachine, faces: Faces) -> None:
    """Each field of the JSON can be read in it, nothing that is not known, and the words are those of the page."""
    text = faces.terminal
    check_fields(faces.doctor["hardware"], text)
    assert faces.doctor["torch"] == faces.torch
    lost = [*missing(TORCH_FIELDS, faces.torch, section(text, "What torch says"))]
    assert not lost, "\n".join([*lost, text])
    for words in (*scripted.words, *scripted.terminal_words):
        assert words in text
    shown = [line.strip() for name in ("Processor", "What torch says") for line in section(text, name).splitlines()]
    sentences = [line for line in shown if line.endswith(".")]
    assert len(sentences) > 3
    assert [line for line in sentences if line not in faces.text] == []


def test_the_tables_of_this_test_know_every_field() -> None:
    check_that_no_field_is_forgotten()


def test_page_names_gpu_of_a_torch_that_was_not_asked_and_asks_it(studio: StudioContainer, tmp_path: Path) -> None:
    scripted = MACHINES["one GPU"]
    prepared(studio, scripted.build(tmp_path / "scripted"), scripted)
    open_page("machine")
    assert studio.services().cuda_truth.ask(wait_seconds=60).truth is not None
    (program,) = {studio.torch_asker()}
    assert len(program.children) == 1
    assert "can use 1 GPU, and a small calculation" in "\n".join(text.value for text in open_page("machine").markdown)


def test_without_a_question_torch_is_asked_only_by_a_click(studio: StudioContainer, tmp_path: Path) -> None:
    scripted = MACHINES["no GPU"]
    prepared(studio, scripted.build(tmp_path / "scripted"), scripted)
    page = open_page("machine")
    program = studio.torch_asker()
    assert program.children == []
    page.button(key="machine-ask-torch").click().run()
    assert not page.exception
    assert studio.services().cuda_truth.ask(wait_seconds=60).truth is not None
    assert len(program.children) == 1
    again = open_page("machine")
    assert "is a CPU build" in "\n".join(text.value for text in again.markdown).replace("\\", "")
    assert again.button(key="machine-ask-torch").label == "Check again"


def test_the_doctor_asks_torch_when_told_to_and_says_so_when_it_did_not(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted = MACHINES["one GPU"]
    terminals: list[StudioContainer] = []

    def terminal(*_: object) -> StudioContainer:
        terminals.append(build_container(Settings(workspace=workspace)))
        prepared(terminals[-1], scripted.build(tmp_path / "scripted"), scripted)
        return terminals[-1]

    monkeypatch.setattr(context, "build_container", terminal)
    assert "doctor --torch asks it" in section(said("doctor", capsys=capsys), "What torch says")
    told = section(said("doctor", "--torch", capsys=capsys), "What torch says")
    assert "can use 1 GPU, and a small calculation" in told
    assert "cuda:0 is NVIDIA H200, compute capability 9.0, 141 GiB, with bfloat16." in told
    assert [len(each.torch_asker().children) for each in terminals] == [0, 1]
    for each in terminals:
        each.shutdown_resources()


def bare(*gpus: Gpu) -> HardwareSnapshot:
    """A machine that tells nothing but its GPUs."""
    cpu, disk = Cpu("Test CPU", None, 8, 8, None, (0.0, 0.0, 0.0)), Disk("/", 1, 1, ("workspace",))
    return HardwareSnapshot(FakeClock().now(), cpu, Memory(1, 1, 0, 0), disk, gpus, "", disks=(disk,))


def test_a_program_cannot_move_the_cursor_of_who_asks_the_doctor() -> None:
    gpu = Gpu(0, "NVIDIA\x1b[2J", "GPU-1", processes=(GpuProcess(7, None, "\x1b]0;evil\x07"),))
    lines = list(machine_lines(bare(gpu), Asking(), {}))
    assert "\x1b" not in "".join(lines)
    assert "  GPU 0: NVIDIA\\x1b[2J (GPU-1)" in lines


def test_a_run_on_a_gpu_is_named_in_the_terminal() -> None:
    gpu = Gpu(0, "NVIDIA L4", "GPU-1", processes=(GpuProcess(7, GIB, "python", (5, 1)),))
    lines = list(machine_lines(bare(gpu), Asking(), {5: Owner("my run", "a-run")}))
    assert "    Run my run (pid 7, 1 GiB)" in lines


@pytest.mark.parametrize(
    ("asking", "told"),
    [
        (Asking(), "It was not asked yet"),
        (Asking(is_running=True), "It is being asked by another program"),
        (Asking(error=TorchNotAsked(ending="ended", last_words="no torch").explain()), "could not be asked"),
    ],
)
def test_a_torch_that_told_nothing_is_said_to_have_told_nothing(asking: Asking, told: str) -> None:
    assert told in section("\n".join(machine_lines(bare(), asking, {})), "What torch says")
