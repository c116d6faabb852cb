"""A shipped run.yaml of every recipe trains on the demo model by the command line."""

import shutil
from pathlib import Path

import pytest

from backend.trainer.demo_model import ensure_demo_model
from config.catalog import preset_path, presets
from tests.acceptance.studio import Studio
from tests.training.runs import curves

pytestmark = [pytest.mark.process, pytest.mark.training, pytest.mark.timeout(2400)]


def test_every_preset_trains_on_the_demo_model(studio: Studio, demo_models: Path) -> None:
    ensure_demo_model(demo_models, lambda *_: None)  # minutes on a busy machine, once
    shutil.copytree(demo_models, studio.workspace / "models", symlinks=True)
    for name in presets():
        said = studio.say("train", preset_path(name), "--set", "training.max_steps=2", "--wait", "--json")

        shown = said.json()
        assert shown["state"] == "finished", (name, said)
        adapter = studio.folder(shown["id"]).adapter
        assert (adapter / "adapter_model.safetensors").is_file(), name
        assert curves(studio.folder(shown["id"]))["eval/loss"], name
