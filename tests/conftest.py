"""What all tests share: the Hypothesis profile, a private workspace, no way out to the network."""

import gc
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.schedule import LongestFirst, rank, seconds_by_file, slowest_files
from tests.untraced import untraced

os.environ["HF_HUB_OFFLINE"] = "1"  # the hub's library reads it once, when the first of all tests imports it

settings.register_profile(
    "studio", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("long", parent=settings.get_profile("studio"), max_examples=1000)
settings.load_profile("long" if os.environ.get("PEFT_STUDIO_LONG_TESTS") else "studio")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirst | None:
    return LongestFirst(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    seconds = seconds_by_file(terminalreporter.stats)
    if len(seconds) > 1:
        terminalreporter.section("slowest files")
        terminalreporter.write("\n".join(slowest_files(seconds)) + "\n")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first where processes share them; tests marked long run only when they are asked for."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid))
    if os.environ.get("PEFT_STUDIO_LONG_TESTS"):
        return
    reason = "the longer version of a slow test; set PEFT_STUDIO_LONG_TESTS=1 to run it"
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason=reason))


_frozen_modules = 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Modules that a test imported stay; without this each later collection would go through the training stack."""
    global _frozen_modules  # noqa: PLW0603 - one per process, like the heap
    yield
    if len(sys.modules) > _frozen_modules + 100:
        gc.collect()
        gc.freeze()
        _frozen_modules = len(sys.modules)


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
    monkeypatch.setenv("PEFT_STUDIO_SPARE", "false")  # the same of each dashboard
    monkeypatch.setenv("PEFT_STUDIO_WORKSPACE", str(tmp_path_factory.getbasetemp() / "unused-workspace"))


@pytest.fixture(scope="session")
def demo_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the demo model, which takes half a minute to build; of all processes that share the tests."""
    base = tmp_path_factory.getbasetemp()
    is_shared = "PYTEST_XDIST_WORKER" in os.environ
    folder = (base.parent if is_shared else base) / "demo-models"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def untraced_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage of the programs that a test starts is measured by another test, or by calling their parts."""
    for name in os.environ.keys() - untraced(os.environ):
        monkeypatch.delenv(name)


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
