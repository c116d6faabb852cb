"""Giving orders on the command line: good ones, bad ones, and what they leave behind."""

import json
import signal
from pathlib import Path

import pytest

from tests.acceptance.processes import wait_until
from tests.acceptance.studio import Studio, heard
from tests.acceptance.trained import STEPS, Room, Trained

pytestmark = [pytest.mark.process, pytest.mark.training, pytest.mark.timeout(1200)]

PROMISED = {
    "id", "name", "state", "wish", "step", "total_steps", "message", "run_dir", "supervisor_pid", "trainer_pid",
    "last_checkpoint_step", "attempts",
}  # fmt: skip
PROMISED_OF_ATTEMPTS = {"number", "pid", "started_at", "ended_at", "exit_code", "resumed_from_step", "reason"}
ENDLESS = ("--set", "training.max_steps=1000000")


def test_waiting_for_a_run_that_finishes_ends_with_0_and_tells_everything_promised(undisturbed: Trained) -> None:
    shown = undisturbed.resting
    assert undisturbed.said.code == 0
    assert shown.keys() >= PROMISED
    assert [attempt.keys() >= PROMISED_OF_ATTEMPTS for attempt in shown["attempts"]] == [True]
    assert shown["state"] == "finished"
    assert shown["step"] == shown["total_steps"] == STEPS
    assert shown["supervisor_pid"] is shown["trainer_pid"] is None


def test_the_run_yaml_of_a_run_is_an_order_that_can_be_given_again(undisturbed: Trained) -> None:
    studio = undisturbed.studio
    with studio.services() as services:
        written = studio.folder(undisturbed.run_id).config
        order = services.configs.read(written)
        assert services.configs.dump(order) == written.read_text(encoding="utf-8")
        assert services.training.preflight(order, Path("/nowhere")).errors == ()


def test_the_tuned_model_of_a_finished_run_answers_and_no_program_stays(undisturbed: Trained) -> None:
    question = ("What is 2 plus 3?", "--max-new-tokens", "16", "--json")
    told = undisturbed.studio.say("chat", undisturbed.run_id, *question).json()
    assert told["side"] == "tuned"
    assert told["answer"].strip()
    assert 1 <= told["num_tokens"] <= 16
    undisturbed.studio.wait_for_quiet()


def test_a_run_that_fails_ends_the_waiting_with_1_and_says_why(room: Room, studio: Studio) -> None:
    said = studio.say("train", room.order, "--set", "method.target_modules=[nonsense]", "--wait", "--json")
    assert said.code == 1
    shown = json.loads(said.out)
    assert (shown["state"], shown["error_id"]) == ("failed", "target-modules-unknown")
    assert "nonsense" in shown["message"]
    assert [attempt["exit_code"] for attempt in shown["attempts"]] == [78], "never retried"
    studio.wait_for_quiet()
    assert studio.show(shown["id"])["supervisor_pid"] is None, "looking at a failed run starts nothing"
    assert not studio.folder(shown["id"]).adapter.exists()


def test_an_order_returns_at_once_and_bad_orders_write_nothing_and_leave_it_alone(
    room: Room, studio: Studio, tmp_path: Path
) -> None:
    said = studio.say("train", room.order, *ENDLESS, "--json").json()
    assert said.keys() == {"id"}
    run_id = said["id"]
    trainer = wait_until(lambda: studio.trainer(run_id), "a trainer")
    supervisor = studio.supervisor(run_id)
    for name, (words, code, error_id, told) in bad_orders(room, tmp_path).items():
        refused = studio.say("train", *words, "--json")
        error = refused.error()
        assert (refused.code, error["id"]) == (code, error_id), (name, refused)
        assert told in error["what"] + error["why"], (name, error)
        assert all(error.values()), "what, why, fix, id and time"
        assert studio.runs() == {run_id}, name
        spoken = studio.say("train", *words) if name == "unknown key" else None
        assert spoken is None or f"[{error_id}]" in spoken.err
    shown = studio.show(run_id)
    assert (shown["supervisor_pid"], shown["trainer_pid"]) == (supervisor, trainer)
    assert len(shown["attempts"]) == 1
    studio.say("runs", "stop", run_id)
    assert studio.wait_for_end(run_id)["state"] == "stopped"


def bad_orders(room: Room, folder: Path) -> dict[str, tuple[tuple[str | Path, ...], int, str, str]]:
    """Words after `train`, the exit code, the id, and what the sentences name."""
    broken, torn = folder / "broken.jsonl", folder / "torn.yaml"
    broken.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "completion"\n{"prompt": 1}\n')
    torn.write_text("base_model: {path: demo\n")

    def changed(setting: str) -> tuple[str | Path, ...]:
        return (room.order, "--set", setting)

    return {
        "bad rows": (changed(f"dataset={broken}"), 78, "preflight-failed", "row 2"),
        "missing dataset": (changed("dataset=nowhere.jsonl"), 78, "preflight-failed", "nowhere.jsonl"),
        "missing model": (changed("base_model=./no-model"), 78, "preflight-failed", "[model-not-found]"),
        "unknown key": (changed("training.batchsize=2"), 78, "config-invalid", "did you mean batch_size?"),
        "unknown method": (changed("method.name=lorra"), 78, "config-invalid", "lorra"),
        "no setting": (changed("nonsense"), 78, "config-invalid", "nonsense"),
        "torn order": ((torn,), 78, "config-unreadable", "line"),
    }


def test_ctrl_c_ends_the_waiting_and_not_the_run(room: Room, studio: Studio) -> None:
    waiting = studio.begin("train", room.order, *ENDLESS, "--wait")
    run_id = studio.only_run()
    trainer = studio.at_step(run_id, 1)  # long after the order was given: the command waits
    waiting.send_signal(signal.SIGINT)
    said = heard(waiting)
    assert said.code == 130
    assert f"peft-studio runs show {run_id}" in said.err
    assert studio.show(run_id)["trainer_pid"] == trainer
    studio.say("runs", "stop", run_id)
    assert studio.wait_for_end(run_id)["state"] == "stopped"
