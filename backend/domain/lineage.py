"""Where a run's adapter comes from: the runs before it, and those that were made from it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backend.domain.run import Run

MOST_ANCESTORS = 50  # also ends a circle, which only a damaged store can have


@dataclass(frozen=True, slots=True)
class Lineage:
    """The nearest ancestor first. `lost` is the id of one that is not in the store any more, else ""."""

    ancestors: tuple[Run, ...] = ()
    descendants: tuple[Run, ...] = ()
    lost: str = ""


def lineage(run: Run, runs: Iterable[Run]) -> Lineage:
    """The line of a run among all runs."""
    everyone = list(runs)
    by_id: Mapping[str, Run] = {one.id: one for one in everyone}
    line: list[Run] = []
    here, lost = run, ""
    while here.origin is not None and len(line) < MOST_ANCESTORS:
        parent = by_id.get(here.origin.run_id)
        if parent is None:
            lost = here.origin.run_id
            break
        line.append(parent)
        here = parent
    made = tuple(one for one in everyone if one.origin is not None and one.origin.run_id == run.id)
    return Lineage(tuple(line), made, lost)
