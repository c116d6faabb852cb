"""Home: the empty state, what runs, what failed, what ended, and the verdict on the dependencies."""

import pytest
from dependency_injector import providers

from app.views.home import MAX_PAUSED
from backend.containers import StudioContainer
from backend.domain.actions import replace_draft
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.reboot import MACHINE_RESTARTED
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.domain.tour import Tour, TourStep
from backend.services.bundle import Services
from backend.services.disk_watch import DiskWatch
from tests.app.conftest import open_page
from tests.fakes import told_runs
from tests.fakes.machine import FakePackages
from tests.fakes.runs import a_run


@pytest.fixture
def some_runs(studio: StudioContainer, services: Services) -> None:
    folder = studio.settings().runs_folder
    store = studio.store()
    for run_id, state in (("live", RunState.RUNNING), ("bad", RunState.FAILED), ("good", RunState.FINISHED)):
        wish = Wish.RUN if state is RunState.RUNNING else Wish.STOP
        message = "Out of memory. Take a smaller batch." if run_id == "bad" else f"It is {state.value}."
        run = a_run(run_id, name=f"*{run_id}*", state=state, wish=wish, message=message, run_dir=folder / run_id)
        run.run_dir.mkdir(parents=True)
        beat = Heartbeat("t", 1, 1, Phase.TRAINING, 30, 120, 0.0, seconds_per_step=2.0)
        RunDirectory(run.run_dir).heartbeat.write_text(beat.to_json())
        store.create(run)


def test_without_runs_one_click_starts_the_demo_run_and_leads_to_it(services: Services) -> None:
    at = open_page()
    assert "offline" in "".join(text.value for text in at.markdown)
    at.button(key="home-tour").click().run()
    assert not at.exception
    (view,) = services.status.list()
    assert (at.title[0].value, view.run.base_model, at.query_params["run"]) == ("demo", "demo", view.id)
    assert services.states.of(at.session_state["studio-session-id"]).state.ui.tour == Tour(TourStep.WATCH, view.id)


def test_without_runs_one_can_go_straight_to_train(services: Services) -> None:
    assert open_page().button(key="home-train").click().run().title[0].value == "Train"


def test_what_runs_shows_its_progress_and_the_estimate_says_so(some_runs: None) -> None:
    at = open_page()
    bar = at.get("progress")[0].proto
    assert bar.value == 25
    assert bar.text == "Step 30 of 120, about 3 min left (estimate)"
    assert "It is running." in [text.value for text in at.text]


def test_names_are_shown_and_not_interpreted(some_runs: None) -> None:
    assert "**\\*live\\***" in [text.value for text in open_page().markdown]


def test_stop_is_a_wish_and_can_be_made_once(some_runs: None, services: Services) -> None:
    at = open_page()
    at.button(key="stop-live").click().run()
    assert services.status.show("live").wish is Wish.STOP
    assert at.button(key="stop-live").disabled


def test_a_failed_run_shows_its_message_and_can_be_resumed(some_runs: None, services: Services) -> None:
    at = open_page()
    assert "Out of memory. Take a smaller batch." in [text.value for text in at.text]
    at.button(key="resume-bad").click().run()
    assert services.status.show("bad").wish is Wish.RUN


def test_a_failed_run_offers_the_change_that_may_help_and_so_does_one_without_room(
    studio: StudioContainer, services: Services
) -> None:
    for run_id, state, wish, error_id in (
        ("bad", RunState.FAILED, Wish.STOP, "out-of-memory"),
        ("full", RunState.PAUSED, Wish.PAUSE, "disk-full"),
    ):
        folder = RunDirectory(studio.settings().runs_folder / run_id)
        folder.root.mkdir(parents=True)
        order = "base_model: demo\ndataset: sample:demo.jsonl\ntraining:\n  keep_checkpoints: 5\n"
        folder.config.write_text(order)
        studio.store().create(a_run(run_id, state=state, wish=wish, error_id=error_id, run_dir=folder.root))
    at = open_page()
    labels = {
        found.key: found.label.replace("\\", "") for found in at.button if found.key and found.key.startswith("fix-")
    }
    assert "batch" in labels["fix-bad"]
    assert "keep_checkpoints 5 -> 2" in labels["fix-full"]
    at.button(key="fix-bad").click().run()
    assert services.status.show("bad").wish is Wish.RUN


def test_a_run_can_be_paused_from_its_card(some_runs: None, services: Services) -> None:
    open_page().button(key="pause-live").click().run()
    assert services.status.show("live").wish is Wish.PAUSE


def test_what_went_wrong_comes_first_and_what_the_person_paused_after_what_runs(
    some_runs: None, studio: StudioContainer
) -> None:
    facts = {"state": RunState.PAUSED, "wish": Wish.PAUSE}
    studio.store().create(a_run("by-hand", **facts))
    studio.store().create(a_run("no-room", error_id="disk-full", message="The disk is full.", **facts))
    for number in range(5):
        studio.store().create(a_run(f"more-{number}", **facts))
    at = open_page()
    order = [header.value for header in at.header]
    assert order == ["Needs you", "Running now", "Paused", "Ended lately"]
    buttons = [button.key for button in at.button]
    assert buttons.index("resume-no-room") < buttons.index("pause-live")
    (link,) = [link.proto for link in at.get("page_link") if "paused" in link.proto.label]
    assert (link.label, link.query_string) == ("All 6 paused runs", "status=paused")


def test_a_paused_run_waits_for_the_person_and_does_not_count_as_running(
    studio: StudioContainer, services: Services
) -> None:
    message = "Paused on request at step 30."
    studio.store().create(a_run("held", state=RunState.PAUSED, wish=Wish.PAUSE, message=message))
    at = open_page()
    assert [header.value for header in at.header] == ["Running now", "Paused"]
    assert any("Nothing is running" in text.value for text in at.caption)
    assert message in [text.value for text in at.text]
    at.button(key="resume-held").click().run()
    assert services.status.show("held").wish is Wish.RUN


def test_many_paused_runs_lead_to_their_list(studio: StudioContainer) -> None:
    for number in range(7):
        studio.store().create(a_run(f"held-{number}", state=RunState.PAUSED, wish=Wish.PAUSE, message="Held back."))
    at = open_page()
    assert len([text for text in at.text if text.value == "Held back."]) == 5
    (link,) = [link.proto for link in at.get("page_link") if "paused" in link.proto.label]
    assert (link.label, link.query_string) == ("All 7 paused runs", "status=paused")


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.FINISHED])
def test_a_run_that_goes_on_after_its_end_is_shown_as_one_that_runs(studio: StudioContainer, state: RunState) -> None:
    """It failed and has retries left, or was extended, and its supervisor is not there yet."""
    studio.store().create(a_run("again", state=state, slots=("cpu:0",), message="Starts on cpu:0."))
    at = open_page()
    assert [header.value for header in at.header] == ["Running now"]
    assert "Starts on cpu:0." in [text.value for text in at.text]


def test_a_card_opens_its_run_in_monitor(some_runs: None) -> None:
    at = open_page()
    at.button(key="open-live").click().run()
    assert not at.exception
    assert at.query_params["run"] == "live"


def test_ended_runs_are_listed(some_runs: None) -> None:
    table = open_page().dataframe[0].value
    assert list(table["Run"]) == ["*good*"]
    assert list(table["Steps"]) == ["30 / 120"]


def test_all_is_well_is_a_badge(studio: StudioContainer) -> None:
    studio.packages.override(providers.Object(FakePackages({"torch": "2.13.0"}, ["torch>=2.13"])))
    assert any("All dependencies pass" in text.value for text in open_page().main.markdown)


def test_a_missing_package_is_named_with_the_command_that_installs_it(studio: StudioContainer) -> None:
    studio.packages.override(providers.Object(FakePackages({}, ["torch>=2.13"])))
    at = open_page()
    assert "one dependency fails" in at.error[0].value
    assert "pip install" in at.code[0].value
    assert not any("All dependencies pass" in text.value for text in at.main.markdown)


def test_when_nothing_runs_it_says_so_and_many_failures_lead_to_their_list(studio: StudioContainer) -> None:
    for i in range(5):
        run = a_run(f"bad-{i}", state=RunState.FAILED, wish=Wish.STOP, message="It broke.")
        studio.store().create(run)
    at = open_page()
    assert any("Nothing is running" in text.value for text in at.caption)
    assert len([text for text in at.text if text.value == "It broke."]) == 3
    (link,) = [link.proto for link in at.get("page_link") if "failed" in link.proto.label]
    assert (link.label, link.query_string) == ("All 5 failed runs", "status=failed")


def test_preparations_show_their_own_progress(studio: StudioContainer) -> None:
    folder = studio.settings().runs_folder / "live"
    folder.mkdir(parents=True)
    beat = Heartbeat("t", 1, 1, Phase.BUILDING, 0, 120, 0.0, detail="Making the *demo* model", phase_progress=0.4)
    RunDirectory(folder).heartbeat.write_text(beat.to_json())
    studio.store().create(a_run("live", state=RunState.RUNNING, run_dir=folder))
    bar = open_page().get("progress")[0].proto
    assert (bar.value, bar.text) == (40, "Making the \\*demo\\* model")


def test_a_run_that_was_active_when_the_machine_went_down_is_asked_about(
    studio: StudioContainer, services: Services
) -> None:
    message = "The machine was restarted while this run was active."
    facts = {"state": RunState.PAUSED, "wish": Wish.PAUSE, "error_id": MACHINE_RESTARTED, "message": message}
    studio.store().create(a_run("asked", **facts))
    at = open_page()
    assert message in [text.value for text in at.text]
    assert "Needs you" in [header.value for header in at.header]
    assert any("Nothing is running" in text.value for text in at.caption)
    at.button(key="resume-asked").click().run()
    assert not at.exception
    assert services.status.show("asked").wish is Wish.RUN


def test_what_waits_is_told_in_order(some_runs: None, studio: StudioContainer, services: Services) -> None:
    for number in range(7):
        run = a_run(f"wait-{number}", name=f"Run *{number}*", run_dir=studio.settings().runs_folder / f"wait-{number}")
        run.run_dir.mkdir()
        studio.store().create(run)
    services.processes.reconcile()
    at = open_page()
    words = [text.value for text in at.markdown]
    assert "1\\. **Run \\*0\\***: Waits until the CPU is free\\." in words
    assert "2 more wait." in [text.value for text in at.caption]
    assert [header.value for header in at.header][:3] == ["Needs you", "Running now", "Waiting"]
    assert {button.key for button in at.button if button.key and button.key.startswith("stop-")} == {"stop-live"}


def test_when_runs_only_wait_it_says_that_nothing_is_running(studio: StudioContainer, services: Services) -> None:
    run = a_run("wait", after="gone", run_dir=studio.settings().runs_folder / "wait")
    run.run_dir.mkdir(parents=True)
    studio.store().create(run)
    services.processes.reconcile()
    at = open_page()
    assert [header.value for header in at.header] == ["Needs you", "Running now", "Waiting"]
    assert "Nothing is running." in [text.value for text in at.caption]


def test_a_card_tells_how_the_loss_moved_and_draws_it(studio: StudioContainer) -> None:
    run = told_runs.add_run(studio, "live", scalars=told_runs.losses(1.0), state=RunState.RUNNING, wish=Wish.RUN)
    beat = Heartbeat("token", 1, 1, Phase.TRAINING, 100, 200, 0.0, seconds_per_step=2.0)
    RunDirectory(run.run_dir).heartbeat.write_text(beat.to_json())
    at = open_page()
    assert not at.exception
    assert any(text.value.startswith("The training loss fell from ") for text in at.text)
    pictures = [one.alt for picture in at.get("image") for one in picture.proto.imgs]
    assert len(pictures) == 1
    assert pictures[0].startswith("Training loss from step 1 to 100: first ")


def test_ended_runs_tell_their_best_evaluation_and_open_with_a_click(studio: StudioContainer) -> None:
    told_runs.add_run(studio, "good", scalars={0: {"eval/loss": 0.1}, 10: {"eval/loss": 0.5}, 20: {"eval/loss": 0.75}})
    told_runs.add_run(studio, "silent")
    table = open_page().dataframe[0].value
    assert dict(zip(table["Run"], table["Best evaluation"], strict=True)) == {
        "Good": "eval/loss 0.5 at step 10",
        "Silent": "-",
    }


def test_a_run_that_waits_in_vain_needs_a_person(studio: StudioContainer, services: Services) -> None:
    studio.store().create(a_run("first", name="First", state=RunState.STOPPED, wish=Wish.STOP))
    run = a_run("wait", name="Second", after="first", run_dir=studio.settings().runs_folder / "wait")
    run.run_dir.mkdir(parents=True)
    studio.store().create(run)
    services.processes.reconcile()
    at = open_page()
    assert at.header[0].value == "Needs you"
    assert "Waits for First, which was stopped; resume First, or start this one without it." in [
        t.value for t in at.text
    ]
    assert at.button(key="open-wait").label == "Open in Monitor"


def test_a_full_disk_needs_a_person(studio: StudioContainer) -> None:
    studio.store().create(a_run("good", state=RunState.FINISHED, wish=Wish.STOP))
    studio.disk.override(providers.Object(DiskWatch(studio.settings().workspace, lambda _: 2**20, 2**28)))
    at = open_page()
    assert at.header[0].value == "Needs you"
    assert "1 MiB free" in at.warning[0].value
    assert "256 MiB" in at.warning[0].value


def test_a_form_that_was_begun_is_told_and_led_to(services: Services) -> None:
    manager = services.states.of("an earlier session")
    manager.update_state(replace_draft({"base_model": {"path": "demo"}}))
    services.drafts.keep(manager)
    at = open_page()
    (told,) = [text.value for text in at.caption if "unfinished" in text.value]
    assert "demo, no dataset yet" in told
    (link,) = [link.proto for link in at.get("page_link") if link.proto.label == "Go on with it"]
    assert (link.page, link.query_string) == ("train", f"draft={manager.state.training.draft_id}")
    services.drafts.discard(manager.state.training.draft_id)
    assert not any("unfinished" in text.value for text in open_page().caption), "as on Train"
    assert "Go on with it" in [link.proto.label for link in at.get("page_link")]


def test_nothing_is_told_to_need_a_person_when_nothing_does(studio: StudioContainer) -> None:
    studio.store().create(a_run("good", state=RunState.FINISHED, wish=Wish.STOP))
    at = open_page()
    assert [header.value for header in at.header] == ["Running now", "Ended lately"]
    assert any("cores" in text.value and "free on disk" in text.value for text in at.caption)


def test_of_many_runs_at_work_some_are_drawn(studio: StudioContainer) -> None:
    for number in range(8):
        studio.store().create(a_run(f"live-{number}", state=RunState.RUNNING))
    at = open_page()
    assert sum(button.label == "Open in Monitor" for button in at.button) == 6
    assert "All 8 runs at work" in [link.proto.label for link in at.get("page_link")]


def test_buttons_of_cards_tell_of_which_run_they_are(some_runs: None) -> None:
    helps = {button.key: button.help for button in open_page().button}
    assert all(r"\*live\*" in helps[key] for key in ("open-live", "pause-live", "stop-live"))
    assert all(r"\*bad\*" in helps[key] for key in ("open-bad", "resume-bad"))


def test_of_many_runs_that_paused_by_themselves_the_first_are_shown_and_the_rest_are_one_click_away(
    studio: StudioContainer, services: Services
) -> None:
    for number in range(MAX_PAUSED + 2):
        folder = studio.settings().runs_folder / f"p{number}"
        folder.mkdir(parents=True)
        studio.store().create(
            a_run(f"p{number}", state=RunState.PAUSED, wish=Wish.PAUSE, error_id="disk-full", run_dir=folder)
        )
    at = open_page()
    assert not at.exception
    assert sum(str(button.key).startswith("resume-") for button in at.button) == MAX_PAUSED
    assert any("7 paused runs that need you" in link.proto.label for link in at.get("page_link"))
