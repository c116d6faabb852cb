"""Stopping and going on, by a person's wish."""

from collections.abc import Callable

import pytest

from backend.store.checkpoints import damage, sealed
from tests.acceptance.processes import paused
from tests.acceptance.studio import Studio
from tests.acceptance.trained import STEPS, Room

pytestmark = [pytest.mark.process, pytest.mark.training, pytest.mark.timeout(1200)]


def test_a_stopped_run_has_a_checkpoint_and_resumed_gives_the_result_of_an_undisturbed_run(
    room: Room, studio: Studio, is_like_undisturbed: Callable[[Studio, str], bool]
) -> None:
    studio.hold.at(20)
    run_id = studio.train(room.order)
    with paused(studio.at_step(run_id, 20)):  # what asks it to end lets it go on as well
        studio.hold.end()
        asked = studio.say("runs", "stop", run_id, "--json").json()
        assert asked["wish"] == "stop"
        stopped = studio.wait_for_end(run_id)
    step = stopped["last_checkpoint_step"]
    assert stopped["state"] == "stopped"
    assert stopped["attempts"][0]["exit_code"] == 75
    assert 20 <= step == stopped["step"] == stopped["attempts"][0]["last_step"] < STEPS
    assert [damage(checkpoint) for checkpoint in sealed(studio.folder(run_id).checkpoints)][:1] == [None]
    assert studio.processes() == {}, "looking at a stopped run starts nothing"

    again = studio.say("runs", "resume", run_id, "--wait", "--json")
    assert again.code == 0, again
    studio.wait_for_quiet()
    finished = studio.show(run_id)
    assert finished["state"] == "finished"
    assert [a["resumed_from_step"] for a in finished["attempts"]] == [None, step]
    assert is_like_undisturbed(studio, run_id)

    refused = studio.say("runs", "resume", run_id, "--json")
    assert (refused.code, refused.error()["id"]) == (64, "run-finished")
