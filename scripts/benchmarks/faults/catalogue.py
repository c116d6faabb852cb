"""Every fault but the kills in real training, in the order of the table."""

from scripts.benchmarks.faults import people_faults, store_faults, trainer_faults, world_faults
from scripts.benchmarks.faults.trial import Fault

KILLS = "kills"
TRAINING = (
    "pause-and-kill",
    "disk-full",
    "trainer-killed-for-real",
    "demo-killed",
)  # made when the training that they compare with is known
FAULTS: tuple[Fault, ...] = (*trainer_faults.FAULTS, *store_faults.FAULTS, *people_faults.FAULTS, *world_faults.FAULTS)
NAMES = tuple(fault.name for fault in FAULTS)
