"""The diagnostics archive of a real workspace: what it holds, that it is private, whole, and free of what was planted."""

import json
import stat
import zipfile
from pathlib import Path

import pytest

from backend.domain.states import RunState
from tests.fakes.command_line import CommandLine, installed

TOKEN = "hf_" + "planted" * 3
PASSWORD = "hush-hush-hush"  # noqa: S105
OTHER = "Very-Own-Value-77"


@pytest.fixture
def line(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("MY_API_KEY", OTHER)
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PASSWORD}@proxy:3128")
    monkeypatch.setenv("HOME", str(workspace))
    monkeypatch.setenv("USER", "janeplanted")
    monkeypatch.setenv("LOGNAME", "janeplanted")
    line = installed(capsys, workspace, monkeypatch)
    line.add(state=RunState.FAILED)
    folder = line.folder("a-run")
    log = (
        f"loading {workspace}/data of janeplanted\ntoken={TOKEN} {OTHER}\nhttps://me:{PASSWORD}@host/\n$(touch pwned)\n"
    )
    folder.log(1).write_text(log * 3)
    (workspace / "logs").mkdir(exist_ok=True)
    (workspace / "logs" / "dashboard.log").write_text(f"Bearer {TOKEN}\n")
    (workspace / "logs" / "elsewhere.log").symlink_to("/etc/passwd")
    return line


def contents(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as found:
        return {name: found.read(name).decode() for name in found.namelist()}


def test_the_archive_holds_what_a_helper_needs_and_no_secret(line: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    told = line.say("doctor", "--bundle", path)
    assert told.code == 0, told
    found = contents(path)
    assert {
        "contents.txt", "dependencies.json", "versions.json", "hardware.json", "settings.json", "errors.json",
        "startup.json", "runs/1/run.json", "runs/1/journal.txt", "runs/1/log.txt", "logs/dashboard.log",
    } <= set(found)  # fmt: skip
    assert "logs/elsewhere.log" not in found
    assert all(name in told.out for name in found if name != "contents.txt")
    everything = "\n".join(found.values())
    for planted in (TOKEN, PASSWORD, OTHER, "janeplanted", str(line.workspace)):
        assert planted not in everything, planted
    assert "loading ~/data of [person]" in found["runs/1/log.txt"]
    assert "touch pwned" in found["runs/1/log.txt"]  # shown, never run
    for name, text in found.items():
        if name.endswith(".json"):
            json.loads(text)
    assert "failed" in found["runs/1/journal.txt"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if "out.zip" in each.name] == ["out.zip"]


def test_the_archive_replaces_an_older_one_and_not_what_a_link_points_to(line: CommandLine, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    path = tmp_path / "out.zip"
    path.symlink_to(precious)
    assert line.say("doctor", "--json", "--bundle", path).json()["bundle"]["path"] == str(path)
    assert precious.read_text() == "keep me"
    assert zipfile.is_zipfile(path)


def test_a_place_that_takes_no_file_is_told(line: CommandLine, tmp_path: Path) -> None:
    told = line.say("doctor", "--json", "--bundle", tmp_path / "nowhere" / "out.zip")
    assert (told.code, told.error()["id"]) == (74, "diagnostics-not-written")
