"""What a dashboard knows of its own restart."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.domain.engine import BackendStatus, EngineState, EngineStatusChanged
from backend.domain.run import ProcessIdentity
from backend.launcher.status_file import StatusFile
from backend.services.engine_restart import WORDS, EngineRestart

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST = BackendStatus(EngineState.READY, 8000, ProcessIdentity(7, 70, "boot"), NOON)
WAITING = replace(FIRST, state=EngineState.WAITING, process=None, error="It was killed.")
SECOND = replace(FIRST, process=ProcessIdentity(8, 80, "boot"), restart_count=1)


def write(file: StatusFile, *states: BackendStatus) -> None:
    for state in states:
        file.write(EngineStatusChanged(FIRST, state, "a reason", NOON))


def test_only_the_dashboard_that_came_after_a_restart_tells_of_it(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "engine_state.json", "127.0.0.1", "mark")
    write(file, FIRST)
    assert EngineRestart(file.path, 7).sentence() == ""
    write(file, WAITING, SECOND)
    assert EngineRestart(file.path, 8).sentence() == f"{WORDS} It was killed."
    assert EngineRestart(file.path, 7).sentence() == ""


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"pid": 8, "restart": "x"}', '{"restart": {"reason": "x"}}'])
def test_a_file_that_says_nothing_is_no_restart(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "engine_state.json"
    if text is not None:
        path.write_text(text)
    assert EngineRestart(path, 8).sentence() == ""
