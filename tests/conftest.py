"""What all tests share: the Hypothesis profile, a private workspace, no way out to the network."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "studio", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("long", parent=settings.get_profile("studio"), max_examples=1000)
settings.load_profile("long" if os.environ.get("PEFT_STUDIO_LONG_TESTS") else "studio")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked long run only when they are asked for."""
    if os.environ.get("PEFT_STUDIO_LONG_TESTS"):
        return
    reason = "the longer version of a slow test; set PEFT_STUDIO_LONG_TESTS=1 to run it"
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _private_surroundings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the workspace of the person who runs it, nor asks a hub."""
    for name in list(os.environ):
        if name.startswith("PEFT_STUDIO_") and name not in (
            "PEFT_STUDIO_LONG_TESTS",
            "PEFT_STUDIO_TEST_MODELS",
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PEFT_STUDIO_STANDBY", "false")  # half a gigabyte and ten seconds each; some tests want it
    monkeypatch.setenv("PEFT_STUDIO_WORKSPACE", str(tmp_path_factory.getbasetemp() / "unused-workspace"))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace that Settings and child processes find."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv("PEFT_STUDIO_WORKSPACE", str(folder))
    return folder


@pytest.fixture
def free_port() -> int:
    """A port of the loopback address that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
