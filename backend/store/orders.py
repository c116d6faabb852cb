"""What a run was told and what supervision changed of it: read, written, and carried out in its folder."""

import logging
from dataclasses import dataclass
from pathlib import Path

from backend.domain.adjustments import Adjustment, adjusted, adjustments_text, read_adjustments
from backend.domain.decisions import Ending
from backend.domain.devices import Devices
from backend.domain.replan import replan
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.store.checkpoints import sealed
from backend.store.errors import ResultNotKept
from backend.store.files import replace_text, sync_folder
from config.yaml_files import YamlError, read_yaml

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Orders:
    """run.yaml and adjustments.json of one run. Whoever writes the latter holds the run's supervisor.lock."""

    run_dir: Path

    def read(self) -> RunConfig | None:
        """The order as the next attempt is to follow it; None if it cannot be read."""
        try:
            config = RunConfig.model_validate(read_yaml(self._folder.config))
            return adjusted(config, read_adjustments(self._folder.adjustments))
        except (ValueError, OSError, YamlError):
            return None

    def change_after(self, ending: Ending, attempt: int) -> Adjustment | None:
        """What the next attempt should be told differently; None for an order that cannot be read, too."""
        try:
            config = RunConfig.model_validate(read_yaml(self._folder.config))
            return replan(ending, attempt, config, read_adjustments(self._folder.adjustments))
        except (ValueError, OSError, YamlError) as error:
            _log.info("no other orders for the next attempt: %s", type(error).__name__)
            return None

    def devices(self) -> Devices:
        """On which devices it was told to train; the default for an order that cannot be read."""
        try:
            return RunConfig.model_validate(read_yaml(self._folder.config)).devices
        except (ValueError, OSError, YamlError):
            return Devices()

    def carry_out(self, change: Adjustment) -> None:
        """Write it down and put the checkpoints behind its good step aside; doing it twice changes nothing.

        Raises OSError. It must be called while no trainer of the run is alive.
        """
        made = read_adjustments(self._folder.adjustments)
        if change not in made:
            replace_text(self._folder.adjustments, adjustments_text((*made, change)))
        if change.good_step is not None:
            self._put_aside(change.good_step)

    def make_way(self, attempt: int) -> str:
        """Before the first attempt of an extension: put the former result beside; its new name, or "".

        Doing it twice changes nothing. Raises ResultNotKept.
        """
        try:
            made = read_adjustments(self._folder.adjustments)
            begun = [one for one in made if (one.kind, one.attempt) == ("extension", attempt)]
            results = [place for place in (self._folder.adapter, self._folder.model) if begun and place.exists()]
            names = [self._beside(place, begun[-1].good_step) for place in results]
        except (OSError, ValueError) as error:
            raise ResultNotKept(run_dir=self.run_dir, reason=error) from error
        return ", ".join(names)

    def _beside(self, place: Path, step: int | None) -> str:
        target, number = place.with_name(f"{place.name}-step-{step}"), 2
        while target.exists():
            target, number = place.with_name(f"{place.name}-step-{step}-{number}"), number + 1
        place.rename(target)
        sync_folder(self.run_dir)
        return target.name

    def _put_aside(self, good_step: int) -> None:
        newer = [checkpoint for checkpoint in sealed(self._folder.checkpoints) if checkpoint.step > good_step]
        for checkpoint in newer:
            target, number = checkpoint.path.with_name(f"{checkpoint.path.name}.rolled-back"), 2
            while target.exists():
                target, number = target.with_suffix(f".rolled-back-{number}"), number + 1
            checkpoint.path.rename(target)
        if newer:
            sync_folder(self._folder.checkpoints)

    @property
    def _folder(self) -> RunDirectory:
        return RunDirectory(self.run_dir)
