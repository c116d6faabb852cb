"""Losing the store, and getting runs back from their folders."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.studio import Studio
from tests.acceptance.trained import Trained

pytestmark = [pytest.mark.process, pytest.mark.training, pytest.mark.timeout(1200)]


def stable(shown: dict[str, Any]) -> dict[str, Any]:
    """All but what finding a run again changes: the time of the change, and the journal's last line."""
    return {**shown, "updated_at": None, "journal": shown["journal"][:4]}


def test_a_lost_store_is_rebuilt_with_attempts_journal_and_notes(survivor: Trained) -> None:
    studio, run_id = survivor.studio, survivor.run_id
    with studio.services() as services:
        services.library.annotate(run_id, notes="Killed three times.\nStill good.", tags=["torture", "keep"])
    before = studio.show(run_id)
    assert before["notes"].endswith("Still good.")
    for path in studio.workspace.glob("studio.db*"):
        path.unlink()
    assert studio.say("runs", "list", "--json").json() == [], "nothing is found without asking"

    found = studio.say("reindex", "--json").json()

    after = studio.show(run_id)
    assert found == {"restored": [run_id], "skipped": []}
    assert after["journal"][: len(before["journal"])] == before["journal"]
    assert stable(after) == stable(before)
    assert studio.processes() == {}, "a finished run is not started again"
    assert studio.say("reindex", "--json").json() == {"restored": [], "skipped": []}


def test_a_deleted_run_lies_in_the_trash_whole_and_can_be_brought_back(survivor: Trained) -> None:
    studio, run_id = survivor.studio, survivor.run_id
    before, files = studio.show(run_id), contents(studio, run_id)

    unsure = studio.say("runs", "delete", run_id, "--json")
    assert unsure.code == 1, "nobody said yes"
    assert studio.runs() == {run_id}
    place = Path(studio.say("runs", "delete", run_id, "--yes", "--json").json()["trash"])
    assert place.parent == studio.workspace / "trash"
    assert studio.runs() == set()
    gone = studio.say("runs", "show", run_id, "--json")
    assert (gone.code, gone.error()["id"]) == (64, "run-not-found")

    shutil.move(place, studio.workspace / "runs" / run_id)
    assert studio.say("reindex", "--json").json()["restored"] == [run_id]
    assert stable(studio.show(run_id)) == stable(before)
    assert contents(studio, run_id) == files


def contents(studio: Studio, run_id: str) -> dict[str, bytes]:
    """Every file of a run that a trainer wrote."""
    folder = studio.folder(run_id)
    parts = (folder.adapter, folder.checkpoints, folder.tensorboard, folder.logs)
    files = (path for part in parts for path in part.rglob("*") if path.is_file())
    return {str(path.relative_to(folder.root)): path.read_bytes() for path in files}
