"""Monitor, drawn from real folders and real event files."""

from pathlib import Path

import pytest

from backend.containers import StudioContainer
from backend.domain.adjustments import read_adjustments
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run import Attempt
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from backend.store.checkpoints import MANIFEST, write_manifest_text
from backend.store.run_files import LocalRunFiles
from tests.app.conftest import board_told, open_page
from tests.fakes.runs import NOON, TRAINER, a_run

EVIL = "![x](http://127.0.0.1:9/beacon) <b>:red[x]</b>"


def add_run(studio: StudioContainer, run_id: str, state: RunState, **facts: object) -> RunDirectory:
    """A run with a folder, a heartbeat at step 30 of 120, and curves."""
    folder = RunDirectory(studio.settings().runs_folder / run_id)
    LocalRunFiles().create(folder.root, "base_model: org/name\ndataset: x.jsonl\n")
    wish = Wish.RUN if state is RunState.RUNNING else Wish.STOP
    attempts = (Attempt(1, "token", NOON, TRAINER, reason="killed by SIGKILL"),)
    studio.store().create(a_run(run_id, run_dir=folder.root, state=state, wish=wish, attempts=attempts, **facts))
    beat = Heartbeat("token", 1, 200, Phase.TRAINING, 30, 120, 0.0, seconds_per_step=2.0, loss=1.25)
    folder.heartbeat.write_text(beat.to_json())
    write_curves(folder.tensorboard)
    return folder


def write_curves(folder: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    for step in range(1, 31):
        values = [Summary.Value(tag="train/loss", simple_value=3.0 / step)]
        if step % 10 == 0:
            values.append(Summary.Value(tag="eval/loss", simple_value=4.0 / step))
        writer.add_event(Event(step=step, wall_time=1.7e9 + step, summary=Summary(value=values)))
    writer.close()


def texts(at: object) -> str:
    """Everything that is said on a page."""
    kinds = ("title", "markdown", "caption", "text", "code", "info", "error", "warning", "success")
    return "\n".join(str(element.value) for kind in kinds for element in at.get(kind))  # type: ignore[attr-defined]


def test_without_a_run_monitor_says_how_to_get_one(services: Services) -> None:
    at = open_page("monitor")
    assert not at.exception
    assert "no run to watch yet" in at.info[0].value


def test_a_running_run_shows_measured_figures(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "live", RunState.RUNNING, message="Attempt 1 is running.")
    at = open_page("monitor", run="live")
    assert not at.exception
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures["Step"] == "30 / 120"
    assert figures["Training loss"] == "0.1000"
    assert figures["Evaluation loss"] == f"{4 / 30:.4f}"
    assert figures["Tokens per second"] == "-"
    assert figures["Time left (estimate)"] == "3 min"
    assert board_told(at)["charts"][0]["title"] == "loss"


def test_the_address_decides_which_run_is_shown(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "one", RunState.FINISHED, name="First")
    add_run(studio, "two", RunState.FINISHED, name="Second")
    assert open_page("monitor", run="one").title[0].value == "First"
    assert open_page("monitor", run="two").title[0].value == "Second"


def test_an_unknown_run_is_said_and_the_next_best_shown(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "known", RunState.FINISHED, name="Known")
    at = open_page("monitor", run="../../etc")
    assert not at.exception
    assert "no run with the id" in at.warning[0].value
    assert at.title[0].value == "Known"


def add_finished(studio: StudioContainer) -> RunDirectory:
    """A finished run of 12 steps that can be extended and forked."""
    folder = add_run(studio, "done", RunState.FINISHED)
    folder.config.write_text("base_model: demo\ndataset: sample:demo.jsonl\ntraining: {max_steps: 12}\n")
    checkpoint = folder.checkpoints / "checkpoint-12"
    checkpoint.mkdir()
    (checkpoint / "weights").write_text("of step 12")
    (checkpoint / MANIFEST).write_text(write_manifest_text(checkpoint, 12))
    return folder


def test_pausing_is_a_wish_that_can_be_taken_back(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "live", RunState.RUNNING)
    at = open_page("monitor", run="live")
    at.button(key="monitor-pause").click().run()
    assert studio.store().get("live").wish is Wish.PAUSE
    assert at.button(key="monitor-pause").disabled
    assert not at.button(key="monitor-stop").disabled
    at.button(key="monitor-resume").click().run()
    assert studio.store().get("live").wish is Wish.RUN


def test_a_finished_run_can_be_extended(studio: StudioContainer, services: Services) -> None:
    folder = add_finished(studio)
    at = open_page("monitor", run="done")
    at.menu_button(key="monitor-more").click("Extend").run()
    at.number_input(key="extend-steps-done").set_value(8)
    at.button(key="extend-yes").click().run()
    assert not at.exception
    assert "8 more steps" in at.success[0].value
    (change,) = read_adjustments(folder.adjustments)
    assert change.changes["training.max_steps"] - change.good_step == 8


def test_a_fork_leads_to_the_new_run_which_says_where_it_came_from(studio: StudioContainer, services: Services) -> None:
    add_finished(studio)
    at = open_page("monitor", run="done")
    at.menu_button(key="monitor-more").click("Fork").run()
    at.text_input(key="fork-name-done").set_value("Gentler")
    at.text_input(key="fork-rate-done").set_value("1e-5")
    at.number_input(key="fork-total-done").set_value(30)
    at.text_area(key="fork-more-done").set_value("training.save_steps=3\n")
    at.button(key="fork-yes").click().run()
    assert not at.exception
    (new,) = (run for run in studio.store().list() if run.id != "done")
    assert new.name == "Gentler"
    text = RunDirectory(new.run_dir).config.read_text()
    assert all(words in text for words in ("1.0e-05", "max_steps: 30", "save_steps: 3")) or "1e-05" in text
    at = open_page("monitor", run=new.id)
    assert any("Forked from the run done at step 12" in c.value.replace("\\", "") for c in at.caption)


def test_a_fork_that_cannot_be_is_explained(studio: StudioContainer, services: Services) -> None:
    add_finished(studio)
    at = open_page("monitor", run="done")
    at.menu_button(key="monitor-more").click("Fork").run()
    at.text_area(key="fork-more-done").set_value("method.rank=4")
    at.button(key="fork-yes").click().run()
    assert "cannot\\-fork" in at.error[0].value
    assert len(studio.store().list()) == 1


def test_stopping_is_a_wish(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "live", RunState.RUNNING)
    at = open_page("monitor", run="live")
    at.button(key="monitor-stop").click().run()
    assert studio.store().get("live").wish is Wish.STOP
    assert at.button(key="monitor-stop").disabled


def test_a_failed_run_can_be_resumed(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "failed", RunState.FAILED, message="Killed three times.")
    at = open_page("monitor", run="failed")
    assert "Killed three times." in texts(at)
    at.button(key="monitor-resume").click().run()
    assert studio.store().get("failed").wish is Wish.RUN


def test_a_change_that_may_help_is_one_click_away(studio: StudioContainer, services: Services) -> None:
    folder = add_run(studio, "failed", RunState.FAILED, error_id="gpu-out-of-memory")
    folder.config.write_text("base_model: demo\ndataset: sample:demo.jsonl\n")
    at = open_page("monitor", run="failed")
    button = at.button(key="fix-failed")
    shown = button.label.replace("\\", "")
    assert shown == "Change batch_size 4 -> 2, gradient_accumulation 1 -> 2 and go on"
    button.click().run()
    assert not at.exception
    assert studio.store().get("failed").wish is Wish.RUN
    assert '"training.batch_size": 2' in folder.adjustments.read_text()
    assert not [found for found in at.button if found.key == "fix-failed"]


@pytest.mark.parametrize(
    ("section", "words"), [("Log", "a line"), ("Configuration", "org/name"), ("Attempts", "Journal")]
)
def test_the_sections_show_what_lies_behind(
    studio: StudioContainer, services: Services, section: str, words: str
) -> None:
    folder = add_run(studio, "live", RunState.FINISHED)
    folder.log(1).write_text("a line\nanother\n")
    at = open_page("monitor", run="live")
    at.segmented_control(key="monitor-section").set_value(section).run()
    assert not at.exception
    assert words in texts(at) + "".join(str(found.value) for found in at.subheader)


def test_what_happened_between_two_attempts_is_told(studio: StudioContainer, services: Services) -> None:
    folder = RunDirectory(studio.settings().runs_folder / "twice")
    LocalRunFiles().create(folder.root, "base_model: org/name\ndataset: x.jsonl\n")
    first = Attempt(1, "one", NOON, TRAINER, NOON, -9, None, 42, "killed by SIGKILL")
    second = Attempt(2, "two", NOON, TRAINER, NOON, 0, 40, 60, "finished")
    run = a_run("twice", run_dir=folder.root, state=RunState.FINISHED, wish=Wish.STOP, attempts=(first, second))
    studio.store().create(run)
    said = "\n".join(found.value.replace("\\", "") for found in open_page("monitor", run="twice").caption)
    assert "Attempt 1 ended at step 42: killed by SIGKILL. Attempt 2 went on from step 40." in said


def test_smoothing_is_remembered_for_the_next_session(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "live", RunState.FINISHED)
    at = open_page("monitor", run="live")
    at.slider(key="monitor-smoothing").set_value(0.5).run()
    assert open_page("monitor", run="live").slider(key="monitor-smoothing").value == 0.5


def test_foreign_text_is_shown_and_never_read_as_markdown(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "evil", RunState.FAILED, name=EVIL, message=EVIL, base_model=EVIL)
    at = open_page("monitor", run="evil")
    assert not at.exception
    assert EVIL not in "\n".join(str(e.value) for kind in ("title", "markdown", "caption") for e in at.get(kind))
    assert EVIL in "\n".join(found.value for found in at.text)


def test_how_the_run_is_stands_above_its_buttons(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "live", RunState.RUNNING, message="Attempt 1 is running.")
    kinds = [element.type for element in open_page("monitor", run="live").main if element.type in ("text", "button")]
    assert kinds[:2] == ["text", "button"]


def test_while_a_checkpoint_is_written_the_bar_stays_where_it_was(studio: StudioContainer, services: Services) -> None:
    folder = add_run(studio, "live", RunState.RUNNING)
    beat = Heartbeat("token", 1, 200, Phase.SAVING, 30, 120, 0.0, loss=1.25)
    folder.heartbeat.write_text(beat.to_json())
    (bar,) = (element.proto for element in open_page("monitor", run="live").get("progress"))
    assert (bar.value, bar.text) == (25, "Step 30 of 120. Writing a checkpoint")


def test_of_many_restarts_the_latest_are_told(studio: StudioContainer, services: Services) -> None:
    folder = RunDirectory(studio.settings().runs_folder / "often")
    LocalRunFiles().create(folder.root, "base_model: org/name\ndataset: x.jsonl\n")
    attempts = tuple(Attempt(n, "t", NOON, last_step=n, resumed_from_step=n, reason="killed") for n in range(1, 8))
    facts = {"state": RunState.FAILED, "wish": Wish.STOP, "run_dir": folder.root, "attempts": attempts}
    studio.store().create(a_run("often", **facts))
    said = texts(open_page("monitor", run="often"))
    assert "3 earlier restarts are listed under Attempts." in said
    assert "Attempt 3 ended" not in said
    assert "Attempt 4 ended at step 4: killed" in said.replace("\\", "")


def test_a_waiting_run_tells_nothing_of_what_its_last_trainer_did(studio: StudioContainer, services: Services) -> None:
    folder = add_run(studio, "waits", RunState.QUEUED)
    beat = Heartbeat("token", 1, 200, Phase.SAVING, 30, 120, 0.0, loss=1.25)
    folder.heartbeat.write_text(beat.to_json())
    (bar,) = (element.proto for element in open_page("monitor", run="waits").get("progress"))
    assert (bar.value, bar.text) == (25, "Step 30 of 120")
