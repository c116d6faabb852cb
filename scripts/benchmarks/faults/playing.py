"""One trial of one fault, from an empty folder to the verdict."""

import random
import shutil
import traceback
from pathlib import Path

from scripts.benchmarks.faults.scene import Scene
from scripts.benchmarks.faults.trial import Fault, NotRun, Trial
from tests.fakes.forked_programs import Forks


def play(
    fault: Fault, folder: Path, forks: Forks, chance: random.Random | None = None, *, is_long: bool = False
) -> Trial:
    """What the fault does to a workspace in `folder`, which is gone afterwards. Failures are problems of the trial."""
    trial = Trial(fault.name)
    scene = Scene(folder, forks, trial, chance or random.Random(0), is_long)  # noqa: S311 - moments, no secrets
    try:
        trial.sees = scene.told(fault.inflict(scene))
        scene.count()
    except NotRun as reason:
        trial.not_run = str(reason)
    except AssertionError as failure:
        trial.problems.append(str(failure) or traceback.format_exc())
    except Exception:  # noqa: BLE001 - one broken trial must not end the others
        trial.problems.append(traceback.format_exc())
    finally:
        _close(scene)
        shutil.rmtree(folder, ignore_errors=True)
    if trial.num_double_starts:
        trial.problems.append(f"{trial.num_double_starts} double starts")
    return trial


def _close(scene: Scene) -> None:
    try:
        scene.close()
    except Exception:  # noqa: BLE001 - such as a store that was never made
        scene.trial.problems.append(traceback.format_exc())
