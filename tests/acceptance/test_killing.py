"""kill -9 of anything at any time: the run finishes, and its result is that of an undisturbed run."""

import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.acceptance.processes import kill, wait_until
from tests.acceptance.studio import Studio, heard, opened
from tests.acceptance.trained import SAVE_STEPS, Room, Trained, chosen_seed

pytestmark = [pytest.mark.process, pytest.mark.training, pytest.mark.timeout(1200)]

ENDLESS = ("--set", "training.max_steps=1000000")

log = logging.getLogger(__name__)
Check = Callable[[Studio, str], bool]


def test_a_trainer_killed_at_three_random_steps_gives_the_result_of_an_undisturbed_run(
    survivor: Trained, is_like_undisturbed: Check
) -> None:
    assert survivor.said.code == 0, survivor.said
    assert is_like_undisturbed(survivor.studio, survivor.run_id)


def test_runs_show_lists_the_attempts_of_a_killed_trainer_with_reasons(survivor: Trained) -> None:
    attempts = survivor.resting["attempts"]
    assert survivor.resting["state"] == "finished"
    assert [attempt["number"] for attempt in attempts] == [1, 2, 3, 4]
    assert [attempt["exit_code"] for attempt in attempts] == [-9, -9, -9, 0]
    assert len({attempt["pid"] for attempt in attempts}) == 4
    assert all("killed" in attempt["reason"] for attempt in attempts[:3]), attempts
    assert all(attempt["started_at"] < attempt["ended_at"] for attempt in attempts)
    resumed = [attempt["resumed_from_step"] or 0 for attempt in attempts]
    assert attempts[0]["resumed_from_step"] is None
    assert resumed == sorted(resumed)
    assert all(step % SAVE_STEPS == 0 for step in resumed)
    for before, after in zip(attempts[:-1], resumed[1:], strict=True):
        assert after >= (before["last_step"] - 1) // SAVE_STEPS * SAVE_STEPS, "a sealed checkpoint was not used"


def test_a_killed_supervisor_is_replaced_by_one_that_adopts_the_living_trainer(
    room: Room, studio: Studio, is_like_undisturbed: Check
) -> None:
    studio.hold.at(10)
    run_id = studio.train(room.order)
    trainer = studio.at_step(run_id, 10)
    first = studio.supervisor(run_id)
    kill(first)
    studio.hold.at(20)
    assert studio.at_step(run_id, 20) == trainer, "nobody looks, and training goes on"
    assert studio.supervisor(run_id) is None
    listed = studio.say("runs", "list", "--json").json()
    assert [run["trainer_pid"] for run in listed] == [trainer]
    second = wait_until(lambda: studio.supervisor(run_id), "a new supervisor")
    assert second != first
    wait_until(lambda: studio.know(run_id).fence == 2, "the new supervisor has taken the run")
    wait_until(lambda: "adopted" in studio.reasons(run_id), lambda: studio.reasons(run_id))
    assert studio.trainer(run_id) == trainer
    studio.hold.end()
    shown = studio.wait_for_end(run_id)
    assert shown["state"] == "finished"
    assert [(a["number"], a["pid"], a["exit_code"]) for a in shown["attempts"]] == [(1, trainer, 0)]
    assert is_like_undisturbed(studio, run_id)


def test_six_looks_at_once_start_one_supervisor_and_one_trainer(
    room: Room, studio: Studio, is_like_undisturbed: Check
) -> None:
    studio.hold.at(SAVE_STEPS + 5)
    run_id = studio.train(room.order)
    trainer = studio.at_step(run_id, SAVE_STEPS + 5)
    studio.wait_for_checkpoint(run_id, SAVE_STEPS)
    kill(studio.supervisor(run_id), trainer)
    assert studio.processes() == {}
    looks = [studio.begin("runs", "list", "--json") for _ in range(6)]
    assert [heard(look).code for look in looks] == [0] * 6
    shown = studio.wait_for_end(run_id)
    assert studio.know(run_id).fence == 2, "each supervisor that takes a run raises its fence by one"
    assert studio.folder(run_id).supervisor_log.read_text().count("looking after") == 2
    assert [attempt["resumed_from_step"] for attempt in shown["attempts"]] == [None, SAVE_STEPS]
    assert is_like_undisturbed(studio, run_id)


def test_any_look_at_a_run_resumes_it_after_supervisor_and_trainer_were_killed(room: Room, studio: Studio) -> None:
    run_id = studio.train(room.order, *ENDLESS)
    looks = (("runs", "show"), ("runs", "logs"), ("curves",))
    for number, look in enumerate(looks, 1):
        studio.wait_for_running(run_id, number)
        kill(studio.supervisor(run_id), studio.trainer(run_id))
        assert studio.processes() == {}
        assert studio.say(*look, run_id).code == 0
    studio.wait_for_running(run_id, len(looks) + 1)
    assert studio.say("runs", "stop", run_id).code == 0
    shown = studio.wait_for_end(run_id)
    assert shown["state"] == "stopped"
    assert len(shown["attempts"]) == len(looks) + 1


@pytest.mark.long
def test_a_run_killed_at_twelve_random_moments_gives_the_result_of_an_undisturbed_run(
    room: Room, tmp_path_factory: pytest.TempPathFactory, is_like_undisturbed: Check
) -> None:
    """Moments, not steps: importing, loading, saving and evaluating are hit as well; now and then both die."""
    seed = chosen_seed()
    log.warning("repeat with ACCEPTANCE_SEED=%d", seed)
    chance = random.Random(seed)  # noqa: S311 - a test, not a secret
    with opened(tmp_path_factory.mktemp("long") / "workspace", max_failures="100") as studio:
        run_id = studio.train(room.order)
        for _ in range(12):
            time.sleep(chance.uniform(0, 12))
            victims = [studio.supervisor(run_id)] if chance.random() < 0.3 else []
            with suppress(ProcessLookupError):  # one of them ended by itself just now
                kill(*(pid for pid in (*victims, studio.trainer(run_id)) if pid))
            studio.show(run_id)
        assert studio.wait_for_end(run_id)["state"] == "finished"
        assert is_like_undisturbed(studio, run_id)
