"""BulkRuns: one deed for many runs; what one of them refuses does not keep the others from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.domain.ports import Processes
from backend.errors import Explanation, StudioError
from backend.services.run_library import RunLibrary
from backend.services.training import TrainingService


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """The ids for which it was done, and why not for the others."""

    done: tuple[str, ...] = ()
    refused: tuple[tuple[str, Explanation], ...] = ()


class BulkRuns:
    """Holds no state."""

    def __init__(self, training: TrainingService, library: RunLibrary, processes: Processes) -> None:
        self._training = training
        self._library = library
        self._processes = processes

    def stop(self, run_ids: Sequence[str]) -> BulkOutcome:
        """Have each write a checkpoint and end."""
        return _each(run_ids, self._training.stop)

    def tag(self, run_ids: Sequence[str], add: Sequence[str], remove: Sequence[str] = ()) -> BulkOutcome:
        """Give tags to each and take others away."""
        gone = set(remove)

        def change(run_id: str) -> None:
            kept = [tag for tag in self._library.tags(run_id) if tag not in gone]
            self._library.annotate(run_id, tags=[*kept, *add])

        return _each(run_ids, change)

    def delete(self, run_ids: Sequence[str]) -> BulkOutcome:
        """Move each that is at rest to the trash, and give out their places once."""
        outcome = _each(run_ids, lambda run_id: self._library.delete(run_id, settles=False))
        if outcome.done:
            self._processes.reconcile()
        return outcome


def _each(run_ids: Sequence[str], act: Callable[[str], object]) -> BulkOutcome:
    done: list[str] = []
    refused: list[tuple[str, Explanation]] = []
    for run_id in dict.fromkeys(run_ids):
        try:
            act(run_id)
        except StudioError as error:
            refused.append((run_id, error.explain()))
        else:
            done.append(run_id)
    return BulkOutcome(tuple(done), tuple(refused))
