"""peft-studio service, over a systemctl that only records; the unit itself was never run by a live systemd here."""

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.unit_file import unit_text
from backend.executors import systemctl as module
from backend.executors.systemctl import UserSystemctl
from backend.services.boot_service import BootService
from tests.fakes.command_line import CommandLine, installed
from tests.fakes.systemctl import FakeSystemctl

NAME = "peft-studio.service"


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemctl:
    fake = FakeSystemctl(tmp_path / "bin")
    monkeypatch.setenv("PATH", fake.path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return fake


@pytest.fixture
def line(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, systemctl: FakeSystemctl
) -> CommandLine:
    return installed(capsys, workspace, monkeypatch)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    return tmp_path / "config" / "systemd" / "user" / NAME


def settings_of(text: str) -> dict[str, str]:
    """The Environment= lines, as a shell reads the same quotes."""
    lines = [row.partition("=")[2] for row in text.splitlines() if row.startswith("Environment=")]
    return dict(shlex.split(row)[0].replace("%%", "%").split("=", 1) for row in lines)


def test_install_shows_the_unit_writes_it_for_its_owner_and_starts_it(
    line: CommandLine, systemctl: FakeSystemctl, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEFT_STUDIO_MAX_FAILURES", "7")
    monkeypatch.setenv("HF_TOKEN", "a secret")
    systemctl.answers(is_active=(0, "active", ""), is_enabled=(0, "enabled", ""))
    told = line.say("service", "install", "--yes")
    assert told.code == 0, told
    text = unit.read_text()
    assert text in told.out
    assert f'ExecStart="{sys.executable}" "-P" "-m" "backend.cli" "runs" "look-after" "--every" "5"' in text
    assert "KillMode=process" in text
    found = settings_of(text)
    assert found["PEFT_STUDIO_WORKSPACE"] == str(line.workspace)
    assert found["PEFT_STUDIO_MAX_FAILURES"] == "7"
    assert found["PATH"] == os.environ["PATH"]
    assert "PEFT_STUDIO_PORT" not in found, "what is as by default stays so"
    assert "secret" not in text
    assert unit.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in unit.parent.iterdir()] == [NAME]
    verbs = [words[1:] for words in systemctl.asked()]
    assert verbs[:4] == [["daemon-reload"], ["daemon-reload"], ["enable", NAME], ["restart", NAME]]
    assert {words[0] for words in systemctl.asked()} == {"--user"}
    assert "active, enabled" in told.out
    assert "loginctl enable-linger" in told.out


def test_without_a_yes_nothing_is_written(
    line: CommandLine, systemctl: FakeSystemctl, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    told = line.say("service", "install")
    assert told.code == 1
    assert "ExecStart=" in told.out
    assert not unit.exists()
    assert systemctl.asked() == []


def test_where_nobody_can_be_talked_to_nothing_is_written(
    line: CommandLine, systemctl: FakeSystemctl, unit: Path
) -> None:
    systemctl.answers(daemon_reload=(1, "", "Failed to connect to bus: No medium found"))
    refused = line.say("service", "install", "--yes")
    assert refused.code == 69
    assert "Nothing was written." in refused.err
    assert "No medium found" in refused.err
    assert not unit.exists()


def test_a_unit_that_cannot_be_enabled_is_named(line: CommandLine, systemctl: FakeSystemctl, unit: Path) -> None:
    systemctl.answers(enable=(1, "", "Unit is masked."))
    refused = line.say("service", "install", "--yes", "--json")
    assert refused.code == 69
    assert f"The unit is in {unit}." in refused.err
    assert "Unit is masked" in refused.err


def test_uninstall_stops_disables_and_removes_the_unit(
    line: CommandLine, systemctl: FakeSystemctl, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert line.say("service", "uninstall", "--yes").out.startswith("Not installed")
    line.say("service", "install", "--yes")
    before = len(systemctl.asked())
    assert line.say("service", "uninstall").code == 1
    assert unit.exists()
    told = line.say("service", "uninstall", "--yes")
    assert (told.code, unit.exists()) == (0, False)
    verbs = [words[1:] for words in systemctl.asked()[before:]]
    assert verbs[:2] == [["disable", "--now", NAME], ["daemon-reload"]]


def test_status_tells_whether_the_unit_is_the_one_that_would_be_written_now(
    line: CommandLine, systemctl: FakeSystemctl, unit: Path
) -> None:
    systemctl.answers(is_active=(3, "inactive", ""), is_enabled=(1, "", "Failed to get unit file state"))
    found = line.say("service", "status", "--json").json()
    assert (found["is_installed"], found["is_current"]) == (False, False)
    line.say("service", "install", "--yes")
    found = line.say("service", "status", "--json").json()
    assert (found["is_installed"], found["is_current"], found["active"]) == (True, True, "inactive")
    assert (found["path"], found["enabled"]) == (str(unit), "Failed to get unit file state")
    unit.write_text("of an older version")
    assert "install it again" in line.say("service", "status").out


@pytest.mark.parametrize("words", [("install", "--yes"), ("uninstall", "--yes"), ("status",)])
@pytest.mark.parametrize("lack", ["platform", "program"])
def test_without_systemd_it_says_what_to_do_instead(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], lack: str
) -> None:
    if lack == "platform":
        monkeypatch.setattr(module.sys, "platform", "darwin")
    else:
        monkeypatch.setenv("PATH", "/nowhere")
    refused = line.say("service", *words)
    assert refused.code == 64
    assert "[service-unsupported]" in refused.err
    assert "runs look-after --every 5" in refused.err


def test_a_folder_that_cannot_be_written_is_told(line: CommandLine, unit: Path) -> None:
    unit.parent.parent.parent.mkdir()
    unit.parent.parent.write_text("a file")
    refused = line.say("service", "install", "--yes")
    assert (refused.code, "[unit-unwritable]" in refused.err) == (74, True)


def test_lingering_is_looked_up_and_not_switched_on(tmp_path: Path, systemctl: FakeSystemctl) -> None:
    (tmp_path / "linger").mkdir()
    boot = BootService(UserSystemctl(), tmp_path, ("/python",), {}, "me", tmp_path / "linger")
    assert boot.status().lingers is False
    (tmp_path / "linger" / "me").touch()
    assert boot.status().lingers is True


def test_systemctl_that_cannot_be_run_or_hangs_is_an_answer_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert UserSystemctl().ask("status").code == 127
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setattr(module, "_TIMEOUT_SECONDS", 0.2)
    assert UserSystemctl().ask("status").code == 124


@given(value=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(' $%"\\')))
def test_any_printable_value_survives_its_quotes(value: str) -> None:
    printable = "".join(c for c in value if c.isprintable())
    text = unit_text(("/python", f"a{printable}"), {"NAME": printable})
    assert settings_of(text) == {"NAME": printable}
    command = next(row for row in text.splitlines() if row.startswith("ExecStart="))
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command.partition("=")[2])]
    assert words[1] == f"a{printable}"


def test_a_value_that_would_begin_another_line_is_refused(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", "/a\nExecStart=/bin/evil")
    refused = line.say("service", "install", "--yes")
    assert (refused.code, "[unit-unsayable]" in refused.err) == (78, True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    place = tmp_path / NAME
    values = {"PEFT_STUDIO_WORKSPACE": '/a b%h$HOME"q\\z', "PATH": "/usr/bin"}

    def verify(text: str) -> str:
        place.write_text(text)
        surroundings = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
        words = ("systemd-analyze", "verify", "--user", str(place))
        done = subprocess.run(words, env=surroundings, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    text = unit_text((sys.executable, "-P", "-m", "backend.cli"), values)
    assert verify(text) == ""
    assert "KillMod" in verify(text.replace("KillMode", "KillMod")), "it would have said so"


def test_a_unit_in_json_is_one_document(line: CommandLine) -> None:
    told = line.say("service", "install", "--yes", "--json")
    assert json.loads(told.out)["is_installed"] is True
    assert "ExecStart=" in told.err
