"""Monitor, drawn from real folders and real event files."""

import math
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.components.markdown_escape import escape
from backend.containers import StudioContainer
from backend.domain.adjustments import read_adjustments
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run import Attempt
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from backend.store import log_files
from backend.store.checkpoints import MANIFEST, write_manifest_text
from backend.store.run_files import LocalRunFiles
from tests.app.conftest import board_told, open_page
from tests.fakes import told_runs
from tests.fakes.runs import NOON, SUPERVISOR, TRAINER, a_run
from tests.fakes.told_runs import losses

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
    assert at.header[0].value == "No run to watch yet"
    assert at.button(key="monitor-start").click().run().title[0].value == "Train"


def test_a_running_run_shows_measured_figures(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "live", RunState.RUNNING, message="Attempt 1 is running.")
    at = open_page("monitor", run="live")
    assert not at.exception
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures["Step"] == "30 / 120"
    assert figures["Training loss"] == "0.1000"
    assert figures["Evaluation loss"] == f"{4 / 30:.4f}"
    assert figures["Tokens per second"] == "-"
    assert figures["Time left (estimate)"] == "1 min 30 s"
    said = "About 1 min 30 s left: an estimate from the last 29 steps, evaluations and checkpoints included."
    assert said in [found.value for found in at.caption]
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
    ("section", "words"), [("Log", "a line"), ("Configuration", "org/name"), ("Timeline", "Attempt 1")]
)
def test_the_sections_show_what_lies_behind(
    studio: StudioContainer, services: Services, section: str, words: str
) -> None:
    folder = add_run(studio, "live", RunState.FINISHED)
    folder.log(1).write_text("a line\nanother\n")
    at = open_page("monitor", run="live")
    at.segmented_control(key="section").set_value(section).run()
    assert not at.exception
    assert words in texts(at) + "".join(str(found.value) for found in at.header)


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
    assert kinds[:3] == ["text", "text", "button"]


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
    assert "3 earlier restarts are listed under Timeline." in said
    assert "Attempt 3 ended" not in said
    assert "Attempt 4 ended at step 4: killed" in said.replace("\\", "")


def test_a_waiting_run_tells_nothing_of_what_its_last_trainer_did(studio: StudioContainer, services: Services) -> None:
    folder = add_run(studio, "waits", RunState.QUEUED)
    beat = Heartbeat("token", 1, 200, Phase.SAVING, 30, 120, 0.0, loss=1.25)
    folder.heartbeat.write_text(beat.to_json())
    (bar,) = (element.proto for element in open_page("monitor", run="waits").get("progress"))
    assert (bar.value, bar.text) == (25, "Step 30 of 120")


def said_of(at: AppTest) -> str:
    return texts(at).replace("\\", "")


def test_a_run_whose_loss_is_no_number_shows_that_and_the_guards_word(
    studio: StudioContainer, services: Services
) -> None:
    points = losses(1.0, 60) | {60: {"train/loss": math.nan, "eval/loss": math.inf}}
    told_runs.add_run(studio, "nan", scalars=points, state=RunState.RUNNING, wish=Wish.RUN)
    fence = studio.store().claim("nan", SUPERVISOR).fence
    studio.store().remark("nan", fence, "not-finite at step 60: the loss is *nan*")
    RunDirectory(studio.settings().runs_folder / "nan").heartbeat.write_text(
        Heartbeat("t", 1, 1, Phase.TRAINING, 60, 120, time.time()).to_json()
    )
    at = open_page("monitor", run="nan")
    assert not at.exception
    figures = {metric.label: metric.value for metric in at.metric}
    assert (figures["Training loss"], figures["Evaluation loss"]) == ("NaN", "infinite")
    assert "1 of the latest training losses is not a number" in said_of(at)
    assert "Not finite, step 60: the loss is *nan*." in said_of(at)
    assert "lower learning rate" in said_of(at)


def test_small_lines_have_a_text(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "live", RunState.RUNNING)
    pictures = open_page("monitor", run="live").get("image")
    images = [one.alt for picture in pictures for one in picture.proto.imgs]
    assert "Training loss from step 1 to 30: first 3.0000, last 0.1000" in images
    assert all(images)


def test_more_than_a_day_is_told_in_days_with_its_range(studio: StudioContainer, services: Services) -> None:
    folder = add_run(studio, "long", RunState.RUNNING)
    folder.heartbeat.write_text(Heartbeat("token", 1, 1, Phase.TRAINING, 30, 97_230, time.time()).to_json())
    at = open_page("monitor", run="long")
    assert {metric.label: metric.value for metric in at.metric}["Time left (estimate)"] == "1 day 3 h"


def test_a_silent_trainer_is_told(studio: StudioContainer, services: Services) -> None:
    folder = add_run(studio, "quiet", RunState.RUNNING)
    beat = Heartbeat("token", 1, 1, Phase.TRAINING, 30, 120, time.time() - 600, seconds_per_step=1.0)
    folder.heartbeat.write_text(beat.to_json())
    assert "no sign of life for 10 min" in said_of(open_page("monitor", run="quiet"))


def test_a_waiting_run_tells_its_place_and_leads_to_the_order(studio: StudioContainer, services: Services) -> None:
    for number in range(3):
        run = a_run(f"wait-{number}", run_dir=studio.settings().runs_folder / f"wait-{number}")
        run.run_dir.mkdir(parents=True)
        studio.store().create(run)
    services.processes.reconcile()
    at = open_page("monitor", run="wait-2")
    assert "Place 2 of 2 in the queue." in said_of(at)
    assert "Waits until the CPU is free." in said_of(at)
    assert "Change the order" in [link.proto.label for link in at.get("page_link")]


def test_a_finished_run_is_asked_or_compared_with_where_it_came_from(
    studio: StudioContainer, services: Services
) -> None:
    folder = add_finished(studio)
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").write_bytes(b"")
    add_run(studio, "other", RunState.FINISHED)
    at = open_page("monitor", run="done")
    assert not at.button(key="next-chat").disabled
    at.button(key="next-compare").click().run()
    assert at.title[0].value == "Compare"
    assert at.query_params["runs"] == ["done", "other"]


def test_a_failed_run_leads_to_its_log(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "failed", RunState.FAILED).log(1).write_text("the reason\n")
    at = open_page("monitor", run="failed")
    at.button(key="next-log").click().run()
    assert "the reason" in [code.value for code in at.code]


def test_a_log_is_chosen_from_by_attempt_level_and_words(studio: StudioContainer, services: Services) -> None:
    folder = add_run(studio, "live", RunState.FINISHED)
    folder.log(1).write_text("fine\nWARNING: odd\nERROR one\nERROR two\n")
    at = open_page("monitor", run="live", section="Log")
    assert at.code[0].value == "fine\nWARNING: odd\nERROR one\nERROR two"
    at.selectbox(key="monitor-level").set_value("Warnings and errors").run()
    assert at.code[0].value == "WARNING: odd\nERROR one\nERROR two"
    at.text_input(key="monitor-log-filter").set_value("TWO").run()
    assert at.code[0].value == "ERROR two"
    assert "1 line; the log has 38 B." in said_of(at)
    at.text_input(key="monitor-log-filter").set_value("none of this").run()
    assert "No line fits." in said_of(at)
    (link,) = (button.proto for button in at.get("link_button"))
    assert link.url == "/api/runs/live/log?attempt=1"


def test_a_huge_log_is_read_from_its_end_only(
    studio: StudioContainer, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = add_run(studio, "live", RunState.FINISHED)
    with folder.log(1).open("wb") as file:
        file.truncate(200_000_000)  # a hole: no room is taken
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"a line of it\n" * 100_000)
    asked: list[int] = []
    tail = log_files.tail
    monkeypatch.setattr(log_files, "tail", lambda log, most: asked.append(most) or tail(log, most))
    at = open_page("monitor", run="live", section="Log")
    assert asked == [256_000]
    assert at.code[0].value.count("\n") == 499
    assert "the log has 192 MiB" in said_of(at)


def test_the_timeline_tells_each_attempt_with_its_journal(studio: StudioContainer, services: Services) -> None:
    first = Attempt(1, "one", NOON, TRAINER, NOON + timedelta(minutes=3), -9, None, 42, "killed by SIGKILL")
    second = Attempt(2, "two", NOON + timedelta(minutes=4), TRAINER, resumed_from_step=40)
    run = told_runs.add_run(studio, "twice", state=RunState.RUNNING, wish=Wish.RUN, attempts=(first, second))
    fence = studio.store().claim(run.id, SUPERVISOR).fence
    studio.store().remark(run.id, fence, "overfitting at step 50: it rose")
    at = open_page("monitor", run="twice", section="Timeline")
    assert not at.exception
    assert [header.value for header in at.header][:2] == ["Attempt 2", "Attempt 1"]
    told = [text.value for text in at.text]
    assert "It went on from step 40 as process 200, and goes on." in told
    assert (
        "It began at the start as process 200, lasted 3 min, and ended at step 42: killed by SIGKILL (exit code -9)."
    ) in told
    assert escape("overfitting at step 50: it rose") in list(at.table[0].value["What happened"])


def test_machine_curves_have_a_section_of_their_own(studio: StudioContainer, services: Services) -> None:
    told_runs.add_run(studio, "done", scalars=losses(1.0, 20))
    learned = {chart["title"] for chart in board_told(open_page("monitor", run="done"))["charts"]}
    machine = {chart["title"] for chart in board_told(open_page("monitor", run="done", section="System"))["charts"]}
    assert learned == {"loss"}
    assert machine == {"gpu/0/memory_bytes", "perf/tokens_per_second"}


def test_of_a_run_that_is_over_the_time_that_it_took_is_told(studio: StudioContainer, services: Services) -> None:
    told_runs.add_run(studio, "done", scalars=losses(1.0, 20))
    figures = {metric.label: metric.value for metric in open_page("monitor", run="done").metric}
    assert figures["Took"] == "5 min"
    assert "Time left (estimate)" not in figures
