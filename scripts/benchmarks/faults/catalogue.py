"""Every fault but the kills in real training, in the order of the table."""

from scripts.benchmarks.faults import trainer_faults
from scripts.benchmarks.faults.trial import Fault

KILLS = "kills"
FAULTS: tuple[Fault, ...] = (*trainer_faults.FAULTS,)
NAMES = tuple(fault.name for fault in FAULTS)
