"""What torch says is asked once, in a program of its own, and holds until the circumstances change."""

import io
import json
import os
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.cuda_truth import VARIABLES, Circumstances, CudaTruth, TorchSays, sentence
from backend.domain.gpu_owners import Owner, owner_of, owners
from backend.domain.machine import GpuProcess, GpuReading
from backend.services.cuda_truth import PATIENCE_SECONDS, CudaTruths
from backend.trainer import devices
from tests.fakes.clock import FakeClock
from tests.fakes.dashboard import a_view
from tests.fakes.lines import Said, ScriptedProgram
from tests.fakes.machine import CPU_TORCH, CUDA_TORCH, NO_GPU, ONE_GPU
from tests.fakes.machines import says_cpu, says_cuda

LONG = 60.0
HERE = Circumstances(CUDA_TORCH, ONE_GPU, {}, "/venv/bin/python")


class Desk:
    """The service with what a test changes about it."""

    def __init__(self, folder: Path, said: TorchSays | None = None) -> None:
        self.circumstances = HERE
        self.said = said or says_cuda("NVIDIA H200")
        self.clock = FakeClock()
        self.program = ScriptedProgram(self.reply, self.clock)
        self.folder = folder

    def reply(self, _line: str) -> Iterable[Said]:
        return [json.dumps({"truth": self.said.model_dump(mode="json")}), 0]

    def truths(self) -> CudaTruths:
        return CudaTruths(self.program, lambda: self.circumstances, self.folder / "cache" / "truth.json", self.clock)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_nothing_is_known_and_nothing_started_until_somebody_asks(desk: Desk) -> None:
    truths = desk.truths()
    assert truths.look() is None
    assert (truths.state().is_running, truths.state().is_open) == (False, True)
    assert desk.program.children == []


def test_an_answer_is_remembered_also_by_the_next_process(desk: Desk) -> None:
    asking = desk.truths().ask(LONG)
    assert asking.truth == CudaTruth(**desk.said.model_dump(), asked_at=desk.clock.now())
    again = desk.truths()
    assert again.look() == asking.truth
    assert again.ask(LONG) == asking
    assert len(desk.program.children) == 1


@pytest.mark.parametrize(
    "changed",
    [
        replace(HERE, build=CPU_TORCH),
        replace(HERE, build=None),
        replace(HERE, reading=replace(ONE_GPU, driver_version="590.1")),
        replace(HERE, reading=NO_GPU),
        replace(HERE, variables={"CUDA_VISIBLE_DEVICES": ""}),
        replace(HERE, python="/other/python"),
    ],
)
def test_another_torch_driver_choice_or_interpreter_is_another_question(desk: Desk, changed: Circumstances) -> None:
    truths = desk.truths()
    first = truths.ask(LONG).truth
    desk.circumstances = changed
    assert truths.look() is None
    assert truths.state().is_open == (changed.build == CUDA_TORCH and changed.reading.gpus != ())
    desk.said = says_cpu()
    assert truths.ask(LONG).truth != first
    desk.circumstances = HERE
    assert truths.look() == first


@given(st.dictionaries(st.sampled_from([*VARIABLES, "PATH", "HOME", "LANG"]), st.text(max_size=5)))
def test_only_variables_that_hide_devices_change_the_fingerprint(variables: dict[str, str]) -> None:
    relevant = {name: value for name, value in variables.items() if name in VARIABLES}
    assert replace(HERE, variables=variables).fingerprint == replace(HERE, variables=relevant).fingerprint
    assert (replace(HERE, variables=variables).fingerprint == HERE.fingerprint) == (not relevant)


def test_how_busy_a_gpu_is_changes_no_fingerprint() -> None:
    busy = GpuReading(tuple(replace(gpu, busy_percent=99.0) for gpu in ONE_GPU.gpus), "580.65", "13.0")
    assert replace(HERE, reading=busy).fingerprint == HERE.fingerprint


def test_asked_again_it_answers_anew(desk: Desk) -> None:
    truths = desk.truths()
    truths.ask(LONG)
    desk.said = says_cuda(error="the GPU has fallen off the bus")
    assert truths.ask(LONG).truth == truths.look()
    assert len(desk.program.children) == 1
    told = truths.ask(LONG, again=True).truth
    assert told is not None
    assert not told.is_usable
    assert len(desk.program.children) == 2


def test_many_who_ask_share_one_program_and_looking_does_not_wait(desk: Desk) -> None:
    may_answer = threading.Event()

    def late(line: str) -> Iterable[Said]:
        assert may_answer.wait(LONG)
        return desk.reply(line)

    desk.program.reply = late
    truths = desk.truths()
    assert all(truths.ask().is_running for _ in range(5))
    assert truths.look() is None
    may_answer.set()
    threads = [threading.Thread(target=truths.ask, args=(LONG,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert truths.look() is not None
    assert not truths.state().is_running
    assert len(desk.program.children) == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (['{"error": "ImportError: libcudart.so.13"}', 1], "libcudart.so.13"),
        (["no JSON", 1], "ended with code 1"),
        (['{"truth": {"torch_version": 3}}', 0], "ended with code 0"),
        ([-9], "ended with code -9"),
        ([], f"was ended after {PATIENCE_SECONDS:g} seconds"),
    ],
)
def test_without_an_answer_it_says_why_and_can_be_asked_again(desk: Desk, said: list[Said], why: str) -> None:
    desk.program.reply = lambda _line: said
    truths = desk.truths()
    error = truths.ask(LONG).error
    assert error is not None
    assert why in error.why
    assert truths.look() is None
    desk.program.reply = desk.reply
    assert truths.ask(LONG).error is None
    assert truths.look() is not None


def test_a_program_that_cannot_be_started_is_told(desk: Desk) -> None:
    desk.program.start_error = OSError(12, "Cannot allocate memory")
    error = desk.truths().ask(LONG).error
    assert error is not None
    assert "could not be started: Cannot allocate memory" in error.why


def test_a_file_that_nobody_can_read_is_forgotten_and_a_disk_that_takes_nothing_is_no_error(desk: Desk) -> None:
    file = desk.folder / "cache" / "truth.json"
    file.parent.mkdir()
    for text in ("{", "[]", '{"x": 1}', '{"x": {"torch_version": 3}}'):
        file.write_text(text)
        assert desk.truths().look() is None
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("a file where the folder should be")
    truths = desk.truths()
    assert truths.ask(LONG).truth == truths.look() is not None


def test_words_say_what_can_be_used_and_why_not() -> None:
    assert sentence(says_cpu()) == "torch 2.13.0+cpu is a CPU build: it can use no CUDA device."
    assert "but Apple's GPU (MPS)" in sentence(says_cpu().model_copy(update={"has_mps": True}))
    works = says_cuda("A", "B")
    assert "can use 2 GPUs, and a small calculation on the first one was right." in sentence(works)
    assert "can use no GPU here: no driver." in sentence(says_cuda(error="no driver"))
    broken = works.model_copy(update={"computes": False, "error": "no kernel image is available."})
    assert "but a small calculation on the first one failed: no kernel image is available." in sentence(broken)
    assert not broken.is_usable
    full = works.model_copy(update={"computes": None, "error": "out of memory"})
    assert "was not tried: out of memory" in sentence(full)
    assert full.is_usable


def test_the_program_answers_with_what_torch_says_here(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In this process, which has torch already; without the limit of processor time, which is for good."""
    monkeypatch.setattr(devices.resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    output = os.dup(1)
    try:
        assert devices.main() == 0
    finally:
        os.dup2(output, 1)
        os.close(output)
    said = TorchSays.model_validate(json.loads(capfd.readouterr().out)["truth"])
    assert said.torch_version == torch.__version__
    assert said.is_available == torch.cuda.is_available()
    assert len(said.devices) == torch.cuda.device_count()
    assert said.error or said.computes


def test_a_torch_that_cannot_be_loaded_is_an_answer_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> TorchSays:
        raise OSError("libtorch_cpu.so: cannot open\nshared object file")

    monkeypatch.setattr(devices.resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    monkeypatch.setattr(devices, "ask_torch", fail)
    output = os.dup(1)
    try:
        assert devices.main() == 1
    finally:
        os.dup2(output, 1)
        os.close(output)
    told = json.loads(capfd.readouterr().out)
    assert told == {"error": "OSError: libtorch_cpu.so: cannot open shared object file"}


class Refusing:
    """A GPU of torch's that computes wrongly, has no memory left, or fails."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def __call__(self, *_size: int, device: object) -> torch.Tensor:  # noqa: ARG002 - as torch has it
        if self.error is not None:
            raise self.error
        return torch.full((devices.SIDE, devices.SIDE), 2.0)


@pytest.mark.parametrize(
    ("error", "computes", "words"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), None, "CUDA out of memory"),
        (RuntimeError("no kernel image is available"), False, "no kernel image is available"),
        (None, False, "was wrong"),
    ],
)
def test_a_trial_that_fails_says_how(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, computes: bool | None, words: str
) -> None:
    assert devices._trial(torch.device("cpu")) == (True, "")
    monkeypatch.setattr(torch, "ones", Refusing(error))
    found, told = devices._trial(torch.device("cpu"))
    assert found is computes
    assert words in told


def test_what_torch_warned_of_is_why_not() -> None:
    assert devices._why_not(["the driver is too old", "more"]) == "the driver is too old"


def test_programs_on_a_gpu_belong_to_the_nearest_run_above_them() -> None:
    view = a_view("a-run", supervisor_pid=10, trainer_pid=11, standby_pid=12)
    known = owners([view, a_view("ended")], own_pid=1000)
    run = Owner(view.name, "a-run")
    assert owner_of(GpuProcess(11), known) == run
    assert owner_of(GpuProcess(50, ancestors=(40, 12, 10)), known) == run
    assert owner_of(GpuProcess(60, ancestors=(1000,)), known) == Owner("the studio, such as its chat")
    assert owner_of(GpuProcess(70, ancestors=(71,)), known) is None
