"""peft-studio runs and train: wishes on their way in, views on their way out."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.states import RunState, Wish
from backend.store.checkpoints import MANIFEST, write_manifest_text
from config.yaml_files import read_yaml
from tests.fakes.command_line import CommandLine, installed
from tests.fakes.executor import Script
from tests.fakes.runs import NOON

ORDER = "base_model: demo\ndataset: rows.jsonl\nname: My run\n"


@pytest.fixture
def line(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return installed(capsys, workspace, monkeypatch)


@pytest.fixture
def order(tmp_path: Path) -> Path:
    rows = (json.dumps({"prompt": f"{n}?", "completion": str(n)}) for n in range(20))
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    path = tmp_path / "run.yaml"
    path.write_text(ORDER)
    return path


def wish(line: CommandLine, run_id: str = "a-run") -> Wish:
    return Wish(line.say("runs", "show", run_id, "--json").json()["wish"])


def test_without_runs_the_list_says_how_to_start_one(line: CommandLine) -> None:
    assert "peft-studio train" in line.say("runs", "list").out
    assert line.say("runs", "list", "--json").json() == []


def test_the_list_shows_runs_and_can_be_narrowed_to_a_state(line: CommandLine) -> None:
    line.add("done", RunState.FINISHED)
    line.add("broken", RunState.FAILED)
    told = line.say("runs", "list").out
    assert told.splitlines()[0].split() == ["ID", "NAME", "STATE", "STEP", "MESSAGE"]
    assert "Now it is failed." in told
    assert [run["id"] for run in line.say("runs", "list", "--state", "failed", "--json").json()] == ["broken"]
    assert line.say("runs", "list", "--state", "running").out == "No run is running.\n"
    assert line.say("runs", "list", "--state", "runing").code == 2


@pytest.mark.parametrize("look", [("runs", "list"), ("runs", "show", "a-run"), ("runs", "logs", "a-run")])
def test_whoever_looks_gives_a_supervisor_to_a_run_that_lost_its_own(line: CommandLine, look: tuple[str, ...]) -> None:
    line.add(state=RunState.RUNNING)
    assert line.say(*look).code == 0
    assert [command.argv[-1] for command in line.executor.commands] == [str(line.folder("a-run").root)]
    line.say(*look)
    assert len(line.executor.commands) == 1, "it has one now"


def test_showing_a_run_tells_its_attempts_and_its_journal(line: CommandLine) -> None:
    line.add(state=RunState.FAILED)
    shown = line.say("runs", "show", "a-run", "--json").json()
    assert (shown["state"], shown["supervisor_pid"]) == ("failed", None)
    assert [attempt["exit_code"] for attempt in shown["attempts"]] == [78]
    assert [entry["to"] for entry in shown["journal"]][-3:] == ["starting", "running", "failed"]
    told = line.say("runs", "show", "a-run").out
    assert "A run (a-run)\nfailed: Now it is failed." in told
    assert "its dataset cannot be used as it is" in told
    assert "it is running" in told


def test_stopping_is_a_wish_and_stopping_what_is_over_changes_nothing(line: CommandLine) -> None:
    line.add(state=RunState.RUNNING)
    line.add("done", RunState.STOPPED)
    assert line.say("runs", "stop", "a-run").out == "a-run: asked to stop (running)\n"
    assert wish(line) is Wish.STOP
    before = line.say("runs", "show", "done", "--json").json()
    assert line.say("runs", "stop", "done", "--json").json()["state"] == "stopped"
    assert line.say("runs", "show", "done", "--json").json() == before


def test_an_offered_change_is_shown_and_taken(line: CommandLine) -> None:
    line.add(state=RunState.FAILED, error_id="out-of-memory")
    words = "batch_size 4 -> 2, gradient_accumulation 1 -> 2"
    assert f"offered: {words}" in line.say("runs", "show", "a-run").out
    assert line.say("runs", "show", "a-run", "--json").json()["offer"] == words
    assert line.say("runs", "fix", "a-run", "--dry-run").out == f"a-run: would change {words}\n"
    assert not line.folder("a-run").adjustments.exists()
    told = line.say("runs", "fix", "a-run", "--json").json()
    assert told["changes"] == {"training.batch_size": 2, "training.gradient_accumulation": 2}
    assert told["is_applied"]
    assert wish(line) is Wish.RUN
    assert len(line.executor.commands) == 1


def test_without_a_change_that_helps_fix_says_so(line: CommandLine) -> None:
    line.add(state=RunState.FAILED)
    refused = line.say("runs", "fix", "a-run", "--json")
    assert (refused.code, refused.error()["id"]) == (64, "nothing-to-change")


def test_resuming_wishes_and_starts_a_supervisor_but_not_for_a_finished_run(line: CommandLine) -> None:
    line.add(state=RunState.STOPPED)
    line.add("done", RunState.FINISHED)
    assert line.say("runs", "resume", "a-run").out == "a-run: resumed (stopped)\n"
    assert wish(line) is Wish.RUN
    assert len(line.executor.commands) == 1
    refused = line.say("runs", "resume", "done", "--json")
    assert (refused.code, refused.error()["id"]) == (64, "run-finished")


def test_pausing_is_a_wish_that_may_keep_the_slot(line: CommandLine) -> None:
    line.add(state=RunState.RUNNING)
    assert line.say("runs", "pause", "a-run").out == "a-run: asked to pause (running)\n"
    assert wish(line) is Wish.PAUSE
    assert line.say("runs", "pause", "a-run", "--keep-place", "--json").json()["keeps_slot"]


def test_stop_now_does_not_wait_for_a_checkpoint(line: CommandLine) -> None:
    line.add(state=RunState.RUNNING)
    assert line.say("runs", "stop", "a-run", "--now").out == "a-run: asked to stop (running)\n"
    assert wish(line) is Wish.STOP_NOW


def test_a_run_can_be_started_over_extended_and_forked(line: CommandLine) -> None:
    line.add(state=RunState.FINISHED)
    checkpoint = line.folder("a-run").checkpoints / "checkpoint-12"
    checkpoint.mkdir()
    (checkpoint / "weights").write_text("of step 12")
    (checkpoint / MANIFEST).write_text(write_manifest_text(checkpoint, 12))
    words = ("--step", "12", "--set", "training.max_steps=30", "--name", "other", "--json")
    forked = line.say("runs", "fork", "a-run", *words).json()
    assert (forked["name"], forked["origin"]) == ("other", {"run_id": "a-run", "kind": "fork", "step": 12})
    assert "Forked from the run a-run at step 12." in line.say("runs", "show", forked["id"]).out
    again = line.say("runs", "start-over", "a-run").out
    assert "started over from a-run (queued)" in again, "the fork has the one place"
    assert "once more, from the start" in line.say("runs", "show", again.partition(":")[0]).out
    assert line.say("runs", "extend", "a-run", "--steps", "8").out == "a-run: extended by 8 steps (queued)\n"
    assert "extended by 8 steps, from step 12 to 20" in line.say("runs", "show", "a-run").out
    refused = line.say("runs", "fork", "a-run", "--step", "12", "--set", "method.rank=2", "--json")
    assert (refused.code, refused.error()["id"]) == (64, "cannot-fork")


@pytest.mark.parametrize(("end", "code"), [(RunState.FINISHED, 0), (RunState.FAILED, 1), (RunState.STOPPED, 1)])
def test_waiting_for_a_resumed_run_ends_with_its_end(line: CommandLine, end: RunState, code: int) -> None:
    line.add(state=RunState.STOPPED)
    line.will_come_to(end)
    told = line.say("runs", "resume", "a-run", "--wait")
    assert told.code == code
    assert f"{end}: Now it is {end}." in told.err


def test_deleting_asks_first_and_moves_the_folder_to_the_trash(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.add(state=RunState.FINISHED)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("n\n"))
        assert line.say("runs", "delete", "a-run").code == 1
    assert line.folder("a-run").root.is_dir()
    place = Path(line.say("runs", "delete", "a-run", "--yes", "--json").json()["trash"])
    assert (place / "run.yaml").is_file()
    assert place.parent == line.workspace / "trash"
    assert line.say("runs", "delete", "a-run", "--yes", "--json").error()["id"] == "run-not-found"


def test_a_run_without_a_folder_can_be_deleted_and_an_active_one_cannot(line: CommandLine) -> None:
    line.add("bare", RunState.STOPPED)
    line.folder("bare").root.rename(line.workspace / "taken")
    assert line.say("runs", "delete", "bare", "--yes").out == "bare is forgotten; it had no folder\n"
    line.add(state=RunState.RUNNING)
    refused = line.say("runs", "delete", "a-run", "--yes", "--json")
    assert (refused.code, refused.error()["id"]) == (64, "run-active")
    assert line.folder("a-run").root.is_dir()


def test_logs_are_the_last_lines_of_the_latest_or_a_named_attempt(line: CommandLine) -> None:
    line.add(state=RunState.STOPPED)
    line.bring("a-run", RunState.STOPPED)
    folder = line.folder("a-run")
    folder.log(1).write_text("old\n")
    folder.log(2).write_text("".join(f"line {n}\n" for n in range(300)))
    assert line.say("runs", "logs", "a-run").out.splitlines() == [f"line {n}" for n in range(200, 300)]
    assert line.say("runs", "logs", "a-run", "-n", "2").out == "line 298\nline 299\n"
    assert line.say("runs", "logs", "a-run", "--attempt", "1", "--json").json() == {
        "id": "a-run",
        "attempt": 1,
        "lines": ["old"],
    }


def test_a_log_names_its_attempt_and_an_attempt_that_never_was_is_an_error(line: CommandLine) -> None:
    line.add(state=RunState.STOPPED)
    line.folder("a-run").log(1).write_text("old\n")
    assert line.say("runs", "logs", "a-run", "--json").json()["attempt"] == 1
    refused = line.say("runs", "logs", "a-run", "--attempt", "9", "--json")
    assert (refused.code, refused.error()["id"]) == (64, "attempt-not-found")
    line.add("new")
    assert line.say("runs", "logs", "new").out == "No log yet.\n"


def test_waiting_for_a_resumed_run_with_json_shows_it_at_its_end(line: CommandLine) -> None:
    line.add(state=RunState.STOPPED)
    line.will_come_to(RunState.FAILED)
    told = line.say("runs", "resume", "a-run", "--wait", "--json")
    assert (told.code, json.loads(told.out)["state"]) == (1, "failed")


def test_an_order_makes_a_run_with_absolute_paths_and_starts_its_supervisor(line: CommandLine, order: Path) -> None:
    told = line.say("train", order, "--set", "training.max_steps=7", "--set", "method=dora")
    run_id, hint = told.out.splitlines()
    assert hint == f"Watch it with: peft-studio runs show {run_id}"
    written = read_yaml(line.folder(run_id).config)
    assert written["dataset"]["path"] == str(order.parent / "rows.jsonl")
    assert written["training"]["max_steps"] == 7
    assert [command.argv[-1] for command in line.executor.commands] == [str(line.folder(run_id).root)]
    assert line.say("runs", "show", run_id, "--json").json()["method"] == "dora"


def test_an_order_with_json_prints_the_id_only(line: CommandLine, order: Path) -> None:
    assert line.say("train", order, "--json").json().keys() == {"id"}


@pytest.mark.parametrize(("end", "code"), [(RunState.FINISHED, 0), (RunState.FAILED, 1)])
def test_waiting_for_an_order_ends_with_its_end_and_shows_the_run(
    line: CommandLine, order: Path, end: RunState, code: int
) -> None:
    line.will_come_to(end)
    told = line.say("train", order, "--wait", "--json")
    assert told.code == code
    assert told.err == "", "nobody but a program listens"
    assert json.loads(told.out)["state"] == end


def test_while_waiting_the_steps_and_the_loss_are_shown(
    line: CommandLine, order: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = iter([(Phase.LOADING, 0, None, "loading the base model"), (Phase.TRAINING, 3, 1.25, "")])

    def pass_time(_seconds: float) -> None:
        (run_id,) = (path.name for path in (line.workspace / "runs").iterdir())
        phase, step, loss, detail = next(beats, (None, 0, None, ""))
        if phase is None:
            line.bring(run_id, RunState.FINISHED)
            return
        beat = Heartbeat("t", 1, 1, phase, step, 12, 0.0, detail, loss=loss)
        line.folder(run_id).heartbeat.write_text(beat.to_json())

    monkeypatch.setattr("backend.cli.progress.time.sleep", pass_time)
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = line.say("train", order, "--wait")
    assert told.code == 0
    assert "finished: Now it is finished." in told.err


def test_ctrl_c_leaves_the_run_and_says_how_to_look_at_it(
    line: CommandLine, order: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backend.cli.progress.time.sleep", interrupt)
    line.executor.scripts.append(Script())
    told = line.say("train", order, "--wait")
    assert told.code == 130
    assert "The run goes on. Look at it with: peft-studio runs show" in told.err
    assert "terminate" not in line.executor.calls


@pytest.mark.parametrize(
    ("settings", "error_id", "told"),
    [
        (("training.batch_sise=2",), "config-invalid", "did you mean batch_size?"),
        (("training.learning_rate=-1",), "config-invalid", "training.learning_rate"),
        (("method.name=qlora", "quantization.name=none"), "config-invalid", "qlora"),
        (("method.name=lorra",), "config-invalid", "lorra"),
        (("nonsense",), "config-invalid", "nonsense"),
        (("name=[1",), "config-invalid", "name=[1"),
        (("dataset=none.jsonl",), "preflight-failed", "[dataset-not-found]"),
        (("dataset=folder",), "preflight-failed", "[dataset-empty]"),
        (("dataset=rows.xlsx",), "preflight-failed", "[dataset-kind-unknown]"),
        (("dataset=empty.jsonl",), "preflight-failed", "[dataset-empty]"),
        (("base_model=./none",), "preflight-failed", "[model-not-found]"),
        (("base_model=/none",), "preflight-failed", "[model-not-found]"),
        (("base_model=folder",), "preflight-failed", "config.json"),
    ],
)
def test_a_bad_setting_is_named_and_nothing_is_written(
    line: CommandLine, order: Path, settings: tuple[str, ...], error_id: str, told: str
) -> None:
    (order.parent / "folder").mkdir()
    (order.parent / "empty.jsonl").touch()
    (order.parent / "rows.xlsx").write_bytes(b"PK")
    refused = line.say("train", order, *(word for one in settings for word in ("--set", one)), "--json")
    assert (refused.code, refused.error()["id"]) == (78, error_id)
    assert told in refused.error()["why"]
    assert not (line.workspace / "runs").exists()
    assert line.executor.commands == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- base_model: demo\n", "mapping"),
        ("base_model: {path: demo\n", "line 2"),
        ("base_model: &a demo\ndataset: *a\n", "aliases"),
        ("a: 1\na: 2\n", "duplicate"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_order_is_refused(line: CommandLine, order: Path, text: str | None, told: str) -> None:
    order.unlink() if text is None else order.write_text(text)
    refused = line.say("train", order, "--json")
    assert (refused.code, refused.error()["id"]) == (78, "config-unreadable")
    assert told in refused.error()["why"]


def test_a_missing_package_is_named_before_anything_is_written(line: CommandLine, order: Path) -> None:
    del line.packages.installed["peft"]
    refused = line.say("train", order, "--json")
    assert "pip install -c constraints.txt peft" in refused.error()["why"]
    assert not (line.workspace / "runs").exists()


@pytest.mark.parametrize("words", [("queue", "list"), ("queue", "list", "--json")])
def test_an_empty_queue_says_so(line: CommandLine, words: tuple[str, ...]) -> None:
    assert line.say(*words).out.strip() in ("No run waits.", "[]")


def test_the_queue_is_listed_and_changed_by_words(line: CommandLine) -> None:
    line.add("work", RunState.RUNNING, slots=("cpu:0",))
    for number, run_id in enumerate(("first", "second", "third")):
        line.add(run_id, queued_at=NOON + timedelta(seconds=number))

    def ids(*words: str) -> list[str]:
        return [run["id"] for run in line.say("queue", *words, "--json").json()]

    assert ids("list") == ["first", "second", "third"]
    assert ids("move", "third", "1") == ["third", "first", "second"]
    assert ids("priority", "third", "-2") == ["first", "second", "third"]
    assert ids("hold", "first") == ["second", "third", "first"]
    assert ids("release", "first") == ["first", "second", "third"]
    line.say("queue", "after", "first", "second")
    shown = line.say("queue", "list").out
    assert "Waits for the end of" in shown
    assert shown.split()[:5] == ["ID", "PLACE", "NAME", "PRIORITY", "MESSAGE"]
    assert line.say("queue", "after", "second", "first", "--json").error()["id"] == "queue-circle"
    assert line.say("queue", "hold", "work", "--json").error()["id"] == "run-not-waiting"


def test_a_run_is_started_with_its_order_and_held_back(line: CommandLine, order: Path) -> None:
    line.add("before", RunState.RUNNING, slots=("cpu:0",))
    options = ("--priority", "3", "--retries", "2", "--after", "before")
    held = line.say("train", order, *options, "--hold")
    assert "Held back: it waits until it is released." in held.out
    run_id = held.out.split()[0]
    shown = line.say("runs", "show", run_id, "--json").json()
    assert (shown["state"], shown["priority"], shown["retries"], shown["after"]) == ("paused", 3, 2, "before")
    assert "Waits for the end of A run." in line.say("train", order, *options).out
