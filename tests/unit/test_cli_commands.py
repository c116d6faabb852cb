"""The other commands: methods, doctor, reindex, chat, demo, ui."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from backend.cli import ui
from backend.domain.chat import ChatEvent, ChatPhase, ChatRequest, Done, Failed, Progress, Token
from backend.domain.chat_lines import READY, event_line, parse_order
from backend.domain.ports import Command
from backend.domain.states import RunState
from backend.errors import Explanation
from backend.launcher import ports
from backend.methods import Method
from backend.spec import members
from config.settings import Settings
from tests.fakes import event_bytes
from tests.fakes.command_line import CommandLine, installed
from tests.fakes.executor import Script
from tests.fakes.lines import Said

FAILURE = Explanation("model-missing", "The model is gone.", "Its folder is empty.", "Put it back.", "now")


@pytest.fixture
def line(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return installed(capsys, workspace, monkeypatch)


@pytest.fixture
def tuned(line: CommandLine) -> CommandLine:
    """A finished run with an adapter, whose chat program repeats who was asked what."""
    line.add(state=RunState.FINISHED)
    folder = line.folder("a-run")
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").touch()
    (folder.adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base"}))
    line.reply = echo
    return line


def echo(order_line: str) -> Iterable[Said]:
    order = parse_order(order_line)
    assert isinstance(order, ChatRequest)
    side = "tuned" if order.adapter else "base"
    words = (side, " ", order.messages[-1].content, f" at {order.sampling.temperature:g}")
    events: list[ChatEvent] = [Progress(ChatPhase.LOADING, "loading"), *(Token(word) for word in words)]
    return [READY, *(event_line(order.id, event) for event in [*events, Done(4, 0.5, "eos")])]


def fail(order_line: str) -> Iterable[Said]:
    order = parse_order(order_line)
    assert order is not None
    return [READY, event_line(order.id, Token("The")), event_line(order.id, Failed(FAILURE))]


def test_methods_are_told_with_all_their_knobs(line: CommandLine) -> None:
    told = line.say("methods", "--json").json()
    assert [method["name"] for method in told] == [method.spec_name() for method in members(Method)]
    for method in told:
        assert all(knob["help"] and knob["kind"] for knob in method["parameters"])
    lora = {knob["name"] for knob in told[0]["parameters"]}
    assert {"rank", "alpha", "target_modules", "init"} <= lora
    text = line.say("methods").out
    assert all(f"\n{method['name']}: {method['title']}" in f"\n{text}" for method in told)
    assert "    rank = 8" in text


def test_the_doctor_is_content_or_says_what_is_missing(line: CommandLine) -> None:
    line.packages.needed = ["torch>=2", "peft>=0.20"]
    told = line.say("doctor")
    assert told.code == 0
    assert "ok      torch 2.13.0" in told.out
    assert line.say("doctor", "--json").json()["dependencies"]["all_passed"] is True
    del line.packages.installed["peft"]
    told = line.say("doctor")
    assert told.code == 78
    assert "missing peft" in told.out
    assert json.loads(line.say("doctor", "--json").out)["hardware"]["memory"]


AUDITED = '{"dependencies": [{"name": "numpy", "version": "2.5.0", "vulns": []}], "fixes": []}\n'


def test_the_doctor_looks_up_vulnerabilities_only_when_told_to(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    line.packages.needed = ()
    assert "pip-audit is not installed" in line.say("doctor", "--audit").out
    line.packages.installed["pip-audit"] = "2.10.1"
    assert "Known vulnerabilities" not in line.say("doctor").out
    assert line.executor.commands == []
    for printed in (AUDITED, "ConnectionError: timed out\n"):
        line.executor.scripts.append(Script(exit_code=0, on_start=prints(printed), lives_seconds=1))
    assert "ok      Packages looked up: 1; known vulnerabilities: none." in line.say("doctor", "--audit").out
    told = line.say("doctor", "--audit", "--json").json()["audit"]
    assert told["result"] is None
    assert "whether there are any is not known. The service (pypi.org) could not be reached" in told["problem"]
    assert [each.argv[1:3] for each in line.executor.commands] == [("-m", "pip_audit")] * 2


def test_offline_the_doctor_looks_nothing_up_and_says_so(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    line.packages.needed = ()
    line.packages.installed["pip-audit"] = "2.10.1"
    assert "The studio is offline." in line.say("doctor", "--audit").out
    assert line.executor.commands == []


def prints(text: str) -> Callable[[Command], None]:
    def start(command: Command) -> None:
        command.log.parent.mkdir(parents=True, exist_ok=True)
        command.log.write_text(text)

    return start


def test_reindex_brings_back_what_the_store_lost(line: CommandLine) -> None:
    line.add(state=RunState.FINISHED)
    (line.workspace / "runs" / "no-run").mkdir()
    for path in line.workspace.glob("studio.db*"):
        path.unlink()
    told = line.say("reindex", "--json").json()
    assert told["restored"] == ["a-run"]
    assert [skipped["folder"] for skipped in told["skipped"]] == ["no-run"]
    assert line.say("runs", "show", "a-run", "--json").json()["state"] == "finished"
    told_again = line.say("reindex").out.splitlines()
    assert told_again[0] == "0 runs restored"
    assert told_again[1].startswith("left alone: no-run: ")


def test_a_question_goes_to_the_tuned_model_or_to_its_base(tuned: CommandLine) -> None:
    assert tuned.say("chat", "a-run", "why?", "--temperature", "0.5").out == "tuned why? at 0.5\n"
    told = tuned.say("chat", "a-run", "why?", "--base", "--json").json()
    figures = {"num_tokens": 4, "seconds": 0.5, "first_token_seconds": None, "finish_reason": "eos"}
    assert told == {"run": "a-run", "side": "base", "checkpoint": None, "answer": "base why? at 0"} | figures


def test_a_chat_leaves_no_program_behind(tuned: CommandLine) -> None:
    tuned.say("chat", "a-run", "why?")
    (child,) = (child for program in tuned.programs for child in program.children)
    assert child.exit_code == 0


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_an_answer_that_fails_is_an_error(tuned: CommandLine, as_json: tuple[str, ...]) -> None:
    tuned.reply = fail
    told = tuned.say("chat", "a-run", "why?", *as_json)
    assert told.code == 69
    assert "The model is gone." in told.err


def test_a_run_without_an_adapter_cannot_be_asked(line: CommandLine) -> None:
    line.add(state=RunState.STOPPED)
    refused = line.say("chat", "a-run", "why?", "--json")
    assert (refused.code, refused.error()["id"]) == (64, "adapter-not-found")


@pytest.mark.parametrize("words", [("--temperature", "5.1"), ("--seed", str(2**32)), ("--max-new-tokens", "0")])
def test_sampling_out_of_bounds_is_a_wrong_word(tuned: CommandLine, words: tuple[str, str]) -> None:
    assert tuned.say("chat", "a-run", "why?", *words).code == 2


def test_the_demo_shows_the_losses_and_both_answers(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    line.reply = echo

    def finish(_seconds: float) -> None:
        (folder,) = (line.folder(path.name) for path in (line.workspace / "runs").iterdir())
        folder.adapter.mkdir()
        (folder.adapter / "adapter_model.safetensors").touch()
        (folder.adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base"}))
        points = [event_bytes.scalar(step, value, "eval/loss") for step, value in ((0, 2.5), (20, 1.0), (40, 0.5))]
        event_bytes.write(folder.tensorboard, "1", [event_bytes.version(), *points])
        line.bring(folder.root.name, RunState.FINISHED)

    monkeypatch.setattr("backend.cli.progress.time.sleep", finish)
    told = line.say("demo")
    assert told.code == 0, told
    assert "loss on rows it never trained on: 2.500 -> 0.500" in told.out
    assert "Base model   base Who keeps" in told.out
    assert "Tuned model  tuned Who keeps" in told.out


def test_a_demo_that_fails_ends_with_1(line: CommandLine) -> None:
    line.will_come_to(RunState.FAILED)
    told = line.say("demo", "--json")
    assert (told.code, told.out) == (1, "")


def test_ui_serves_with_the_settings_and_the_port_that_were_given(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[tuple[Path, int | None]] = []

    def serve(settings: Settings, port: int | None, _say: object) -> int:
        served.append((settings.workspace, port))
        return 0

    monkeypatch.setattr(ui, "serve", serve)
    assert line.say("ui", "--port", "8123").code == 0
    assert line.say("ui").code == 0
    assert served == [(line.workspace, 8123), (line.workspace, None)]


def test_when_every_port_is_taken_the_error_names_them(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _host, _port: False)
    refused = line.say("ui", "--port", "9000")
    assert refused.code == 69
    assert "The ports 9000 to 9010 are all taken." in refused.err


def test_an_address_of_another_machine_is_no_taken_port(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEFT_STUDIO_HOST", "192.0.2.1")
    refused = line.say("ui")
    assert refused.code == 78
    assert "192.0.2.1" in refused.err
