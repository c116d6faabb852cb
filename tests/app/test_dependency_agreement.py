"""With every required package missing in turn, the page, the HTTP interface and the doctor tell the same truth."""

import json
import shlex

import pytest
import streamlit as st
from dependency_injector import providers
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.api import api
from backend.containers import StudioContainer
from backend.probes.packages import InstalledPackages
from tests.agreement import assert_same_truth, shown_verdicts
from tests.app.conftest import open_page
from tests.fakes.command_line import CommandLine, installed
from tests.fakes.machine import FakeMachine, FakePackages


def needed() -> list[Requirement]:
    """The studio's own, of its real metadata."""
    lines = InstalledPackages().requirements()
    assert lines is not None
    found = [Requirement(line) for line in lines]
    return [each for each in found if each.marker is None or each.marker.evaluate({"extra": ""})]


@pytest.fixture
def complete() -> FakePackages:
    real = InstalledPackages()
    versions = {each.name: real.version(each.name) or "" for each in needed()}
    return FakePackages(versions, [str(each) for each in needed()])


@pytest.fixture
def line(
    complete: FakePackages,
    studio: StudioContainer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> CommandLine:
    """A doctor over the same packages and machine as the dashboard's."""
    studio.packages.override(providers.Object(complete))
    studio.machine.override(providers.Object(FakeMachine()))
    line = installed(capsys, studio.settings().workspace, monkeypatch)
    line.packages = complete
    return line


def test_each_missing_package_is_told_the_same_everywhere(line: CommandLine, complete: FakePackages) -> None:
    at, client = open_page("machine"), TestClient(Starlette(routes=[api()]))
    names = [each.name for each in needed()]
    assert {"torch", "transformers", "peft", "streamlit"} <= {canonicalize_name(name) for name in names}
    for name in names:
        version = complete.installed.pop(name)
        st.cache_data.clear()
        at.run()
        assert not at.exception
        shown, answer = shown_verdicts(at), client.get("/api/dependencies").json()
        told = line.say("doctor", "--json")
        assert told.code == 78
        doctor = json.loads(told.out)
        assert_same_truth(shown, answer, doctor)
        assert answer["missing_packages"] == [name]
        assert shown[name] == "missing"
        command = next(each for each in doctor["dependencies"]["checks"] if each["name"] == name)["fix_command"]
        assert f"Run: {shlex.join(command)}" in [code.value for code in at.code]
        complete.installed[name] = version
