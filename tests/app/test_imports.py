"""The dashboard's process never loads a training library: they cost seconds, memory and fast reruns."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "peft", "trl", "bitsandbytes", "datasets", "accelerate", "tensorboard")
IMPORT_EVERYTHING = """
import importlib, json, pkgutil, sys
import app, backend, config
programs = ("backend.trainer", "backend.inference", "backend.store.migrations", "app.main")
names = [
    found.name
    for package in (app, backend, config)
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=sys.exit)
    if not found.name.startswith(programs) and not found.name.endswith("__main__")
]
for name in names:
    importlib.import_module(name)
"""
AS_THE_SERVER_DOES = """
import importlib, json, sys
sys.path.insert(0, "app")
main = importlib.import_module("main")
import streamlit
assert isinstance(main.app, streamlit.App)
names = ["main"]
"""
TELL = """
print(json.dumps({"names": names, "loaded": sorted(name for name in sys.modules if "." not in name)}))
"""


@pytest.fixture(scope="module")
def everything() -> dict[str, list[str]]:
    return told_by(IMPORT_EVERYTHING)


def test_the_whole_dashboard_has_no_training_library(everything: dict[str, list[str]]) -> None:
    assert "streamlit" in everything["loaded"]
    assert set(HEAVY) & set(everything["loaded"]) == set()


def test_the_walk_saw_the_rooms_of_the_house(everything: dict[str, list[str]]) -> None:
    names = set(everything["names"])
    assert {"app.server", "app.shell", "backend.containers", "backend.services.training"} <= names
    assert {"backend.methods.lora", "backend.supervisor", "config.settings"} <= names


def test_the_server_has_no_training_library_either() -> None:
    assert set(HEAVY) & set(told_by(AS_THE_SERVER_DOES)["loaded"]) == set()


def told_by(program: str) -> dict[str, list[str]]:
    """Run a program in a fresh interpreter: what it imported by name, and what is loaded then."""
    child = subprocess.run(
        [sys.executable, "-c", program + TELL], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert child.returncode == 0, child.stderr
    found: dict[str, list[str]] = json.loads(child.stdout.splitlines()[-1])
    return found
