"""Readings of the processor that the contract cannot provoke."""

import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from backend.probes import machine as module
from backend.probes.machine import LocalMachine
from backend.probes.packages import InstalledPackages, _string_constants


class Times(SimpleNamespace):
    def _asdict(self) -> dict[str, float]:
        return dict(vars(self))


def test_load_is_the_busy_share_since_the_previous_reading_of_any_thread(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    readings = [
        Times(user=10.0, guest=10.0, system=10.0, idle=80.0, iowait=0.0),
        Times(user=40.0, guest=40.0, system=10.0, idle=140.0, iowait=10.0),
    ]
    monkeypatch.setattr(psutil, "cpu_times", lambda: readings.pop(0))
    local = LocalMachine(tmp_path)
    first = threading.Thread(target=local.cpu)
    first.start()
    first.join()
    assert local.cpu().busy_percent == pytest.approx(30.0)


def test_a_clock_that_did_not_move_gives_no_percentage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(psutil, "cpu_times", lambda: Times(user=1.0, idle=1.0))
    local = LocalMachine(tmp_path)
    local.cpu()
    assert local.cpu().busy_percent is None


def test_the_model_name_is_the_kernels_or_else_the_architecture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz: v2\n", encoding="utf-8")
    monkeypatch.setattr(module, "CPU_INFO", info)
    assert LocalMachine(tmp_path).model == "Fast CPU @ 3 GHz: v2"
    info.write_text("processor\t: 0\n", encoding="utf-8")
    assert LocalMachine(tmp_path).model
    monkeypatch.setattr(module, "CPU_INFO", tmp_path / "absent")
    assert LocalMachine(tmp_path).model


def test_constants_are_read_without_running_the_file(tmp_path: Path) -> None:
    file = tmp_path / "version.py"
    file.write_text(
        "from typing import Optional\n__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\n"
        "hip: Optional[str] = None\ndebug = False\na.b = 'x'\nraise SystemExit\n",
        encoding="utf-8",
    )
    assert _string_constants(file) == {"__version__": "2.13.0+cu130", "cuda": "13.0"}


def test_an_unreadable_version_file_is_no_error(tmp_path: Path) -> None:
    broken = tmp_path / "version.py"
    broken.write_text("cuda = (", encoding="utf-8")
    assert _string_constants(broken) is None
    assert _string_constants(tmp_path / "absent.py") is None


def test_without_metadata_nothing_is_known_and_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.probes.packages.STUDIO", "surely-not-installed-anywhere")
    packages = InstalledPackages()
    assert packages.requirements() is None
    assert packages.requires_python() == ""
