"""What stands around the packages is read from files and variables, without secrets, and judged with a fix."""

import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from backend.domain.dependencies import DependencyCheck, Topic, Verdict
from backend.domain.machine import PythonRuntime
from backend.probes.hub import HubNotAsked, HubSilent, ask_hub
from backend.probes.surroundings import LocalSurroundings, metadata_folders
from backend.services.dependencies import DependencyService
from backend.services.hub_check import HubCheck
from tests.fakes.hub_server import FakeHub, serving
from tests.fakes.machine import FakeMachine, FakePackages

PLENTY = 100_000_000_000


def package(folder: Path, name: str, version: str = "1.0", url: dict[str, object] | None = None) -> Path:
    found = folder / f"{name}-{version}.dist-info"
    found.mkdir(parents=True)
    (found / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    if url is not None:
        (found / "direct_url.json").write_text(json.dumps(url), encoding="utf-8")
    return found


def around(tmp_path: Path, *found: Path, free: int = PLENTY, offline: bool = False, **env: str) -> LocalSurroundings:
    return LocalSurroundings(
        {"Disk of the workspace": tmp_path},
        lambda _: free,
        lambda: offline,
        {"HF_HOME": str(tmp_path / "hf"), **env},
        lambda: found,
        root=tmp_path,
    )


def checks(surroundings: LocalSurroundings, **packages: object) -> dict[str, DependencyCheck]:
    given = {"installed": {"pip": "26.1"}} | packages
    service = DependencyService(FakePackages(**given), FakeMachine(), surroundings)
    return {check.name: check for check in service.check_all().checks}


def test_a_package_that_came_from_no_index_is_a_warning_without_its_token(tmp_path: Path) -> None:
    planted = "ghp_0123456789abcdefABCDEF"
    odd = package(tmp_path, "odd", url={"url": f"https://{planted}@example.org/odd.git", "vcs_info": {"vcs": "git"}})
    check = checks(around(tmp_path, odd))["odd"]
    assert check.verdict is Verdict.WARNING
    assert check.passed
    assert "example.org/odd.git" in (check.error or "")
    assert planted not in str(check)


def test_the_studio_itself_may_be_installed_from_its_folder(tmp_path: Path) -> None:
    editable = {"url": "file://localhost/src", "dir_info": {"editable": True}}
    found = checks(
        around(tmp_path, package(tmp_path, "peft_studio", url=editable), package(tmp_path, "x", url=editable))
    )
    assert "peft-studio" not in found
    assert "linked to a folder" in (found["x"].error or "")


def test_a_package_that_is_there_twice_is_told_with_the_command_that_repairs_it(tmp_path: Path) -> None:
    twice = [package(tmp_path / "a", "torch", "2.13.0"), package(tmp_path / "b", "Torch", "2.9.0")]
    check = checks(around(tmp_path, *twice))["torch"]
    assert "2.13.0" in (check.error or "")
    assert "2.9.0" in (check.error or "")
    assert check.fix_command[-1] == "torch==2.13.0"
    assert check.fix_instructions == f"Run: {shlex.join(check.fix_command)}"


def test_metadata_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    left_over = package(tmp_path, "~eft")
    found = checks(around(tmp_path, broken, left_over))
    assert "cannot be read" in (found["broken"].error or "")
    assert "cannot be read" in (found["eft"].error or "")


def test_no_package_of_this_environment_is_overlooked() -> None:
    found = {folder.name.partition("-")[0].lower() for folder in metadata_folders()}
    assert {"torch", "streamlit", "pytest"} <= found


def test_a_full_disk_is_a_warning_with_what_is_free(tmp_path: Path) -> None:
    assert checks(around(tmp_path))["Disk of the workspace"].note.startswith("100.0 GB are free")
    check = checks(around(tmp_path, free=1_000_000_000))["Disk of the workspace"]
    assert check.verdict is Verdict.WARNING
    assert "only 1.0 GB" in (check.error or "")


def test_pinned_versions_of_the_source_folder_are_kept_to(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("peft==0.21.2\n")
    service = DependencyService(FakePackages(needed=["peft>=0.21"]), FakeMachine(), around(tmp_path))
    assert service.check_all().repair[-3:] == ("peft>=0.21", "-c", str(tmp_path / "constraints.txt"))


def test_an_environment_without_pip_is_told_how_to_get_it(tmp_path: Path) -> None:
    check = checks(around(tmp_path), installed={})["pip"]
    assert check.fix_command == ("/venv/bin/python", "-m", "ensurepip", "--upgrade")
    assert check.passed


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_the_switch_that_takes_the_studio_offline_is_named(tmp_path: Path, name: str) -> None:
    assert name in (checks(around(tmp_path, **{name: "1"}))["hub"].error or "")
    assert checks(around(tmp_path, **{name: "0"}))["hub"].error is None
    assert "hub_offline" in (checks(around(tmp_path, offline=True))["hub"].error or "")


def test_a_token_is_found_and_never_shown(tmp_path: Path) -> None:
    planted = "hf_" + "very" * 5
    assert checks(around(tmp_path))["hub token"].verdict is Verdict.ABSENT
    named = checks(around(tmp_path, HF_TOKEN=planted))["hub token"]
    assert "HF_TOKEN" in named.note
    (tmp_path / "hf").mkdir()
    file = tmp_path / "hf" / "token"
    file.write_text(planted)
    file.chmod(0o600)
    kept = checks(around(tmp_path))["hub token"]
    assert (kept.verdict, str(file) in kept.note) == (Verdict.PASSES, True)
    file.chmod(0o644)
    exposed = checks(around(tmp_path))["hub token"]
    assert exposed.fix_instructions == f"Run: chmod 600 {file}"
    assert planted not in f"{named} {kept} {exposed}"


def test_a_proxy_is_told_without_its_password(tmp_path: Path) -> None:
    note = checks(around(tmp_path, HTTPS_PROXY="http://me:hush-hush@proxy:3128"))["hub"].note
    assert "proxy:3128" in note
    assert "hush-hush" not in note


def test_another_python_of_this_machine_is_offered_if_ours_is_too_old(tmp_path: Path) -> None:
    (tmp_path / "python3.12").symlink_to(sys.executable)
    old = PythonRuntime("3.9.1", "/usr/bin/python3")
    found = checks(around(tmp_path, PATH=str(tmp_path)), runtime=old)["python"]
    assert f"{tmp_path}/python3.12 -m venv" in (found.fix_instructions or "")
    none = checks(around(tmp_path, PATH=str(tmp_path / "nowhere")), runtime=old)["python"]
    assert none.fix_instructions == (
        "Python >=3.11 is required but not found. Please install Python >=3.11 from https://www.python.org/downloads."
    )


def test_checking_asks_no_network(tmp_path: Path) -> None:
    with serving(FakeHub(tmp_path)) as hub:
        surroundings = around(tmp_path, HF_ENDPOINT=hub.url)
        assert hub.url in checks(surroundings)["hub"].note
        assert hub.calls == []


def test_the_hub_is_asked_on_request(tmp_path: Path) -> None:
    with serving(FakeHub(tmp_path)) as hub:
        hub.answers = [(200, {})]
        check = HubCheck(around(tmp_path, HF_ENDPOINT=hub.url), ask_hub)
        assert "answered (200)" in check.ask()
        hub.answers = [(503, {})]
        with pytest.raises(HubSilent, match="503"):
            check.ask()
        assert len(hub.calls) == 2
        job = check.start()
        assert job.wait(60)
        offline = HubCheck(around(tmp_path, offline=True, HF_ENDPOINT=hub.url), ask_hub)
        with pytest.raises(HubNotAsked, match="hub_offline"):
            offline.ask()
        assert len(hub.calls) == 3


def test_a_hub_that_is_not_there_or_no_address_is_told(tmp_path: Path) -> None:
    for endpoint in ("http://127.0.0.1:9", "file://localhost/etc/passwd"):
        with pytest.raises(HubSilent):
            HubCheck(around(tmp_path, HF_ENDPOINT=endpoint), ask_hub).ask()


def test_topics_come_in_their_order(tmp_path: Path) -> None:
    found = [
        check.topic
        for check in checks(around(tmp_path, package(tmp_path, "x", url={"url": "file://localhost/x"}))).values()
    ]
    assert found == sorted(found, key=list(Topic).index)
    assert os.environ.get("HF_TOKEN") is None or os.environ["HF_TOKEN"] not in str(found)
