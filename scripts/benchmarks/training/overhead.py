"""The cost of supervision as a share of step time, put together from one timed attempt and one supervised run."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.yaml_files import dump_yaml
from scripts.benchmarks.training.accounting import SAVE_STEPS, Accounts, read_accounts
from scripts.benchmarks.training.material import Material
from scripts.benchmarks.training.races import ROOT, surroundings
from scripts.benchmarks.training.studio import make_run, order
from scripts.benchmarks.training.supervision import supervised_share


@dataclass(frozen=True, slots=True)
class Overhead:
    """What the trainer writes beside training, and the processor time of the supervisor for each second."""

    accounts: Accounts
    supervisor_share: float | None

    def sentence(self) -> str:
        """For the page."""
        own = self.accounts
        return (
            f"* Supervision: of a step of {own.step_seconds:.2f} s, heartbeat, scalars and log take "
            f"{own.seconds_per_step * 1e3:.1f} ms, a checkpoint {own.seconds_per_checkpoint * 1e3:.0f} ms every "
            f"{SAVE_STEPS} steps: {own.share:.2%} of the bare step. The supervisor beside it takes "
            f"{'an unmeasured share' if self.supervisor_share is None else f'{self.supervisor_share:.2%}'} of one core."
        )


def measure_overhead(material: Material, *, threads: int) -> Overhead:
    """Two runs on the uneven rows. Raises CalledProcessError if one fails."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        return Overhead(_accounts(folder, material, threads), _supervisor(folder, material, threads))


def _accounts(folder: Path, material: Material, threads: int) -> Accounts:
    run = make_run(folder, material, "uneven", {"training": {"save_steps": 2}})
    measured, accounted = folder / "measured.json", folder / "accounted.json"
    environment = surroundings(measured, material.size.warm_up, threads, ours=True)
    module = "scripts.benchmarks.training.accounting"
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", module, str(run.root), str(accounted)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            check=True,
        )
    return read_accounts(json.loads(measured.read_text("utf-8"))["marks"], json.loads(accounted.read_text("utf-8")))


def _supervisor(folder: Path, material: Material, threads: int) -> float | None:
    run_yaml = folder / "run.yaml"
    run_yaml.write_text(dump_yaml(order(material, "uneven", {})), encoding="utf-8")
    environment = surroundings(folder / "supervised.json", material.size.warm_up, threads, ours=True)
    return supervised_share(folder / "workspace", run_yaml, environment)
