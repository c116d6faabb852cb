"""The real program that asks torch, started as the dashboard starts it."""

from pathlib import Path

import pytest
import torch

from backend.containers import build_container
from backend.domain.cuda_truth import sentence
from config.settings import Settings

LONG = 300.0


@pytest.mark.process
def test_the_dashboard_learns_from_a_child_what_torch_says(workspace: Path) -> None:
    studio = build_container(Settings(workspace=workspace))
    try:
        truth = studio.services().cuda_truth.ask(LONG).truth
        assert truth is not None
        assert truth.torch_version == torch.__version__
        assert (truth.is_available, len(truth.devices)) == (torch.cuda.is_available(), torch.cuda.device_count())
        assert truth.torch_version in sentence(truth)
        assert truth.is_available or truth.error
    finally:
        studio.shutdown_resources()
    later = build_container(Settings(workspace=workspace))
    assert later.services().cuda_truth.look() == truth
    later.shutdown_resources()
