"""Another program that gives out places: python claimer.py WORKSPACE CPU_SLOTS START_FILE. Prints what it knows."""

import sys
import time
from pathlib import Path

from backend.executors.local import LocalExecutor
from backend.probes.clock import SystemClock
from backend.probes.machine import LocalMachine
from backend.probes.places import LocalPlaces
from backend.services.scheduler import Scheduler
from backend.store.sql_store import SqlRunStore
from config.settings import Settings

if __name__ == "__main__":
    settings = Settings(workspace=Path(sys.argv[1]))
    store = SqlRunStore(settings.url, SystemClock())
    places = LocalPlaces(LocalMachine(settings.workspace), int(sys.argv[2]))
    scheduler = Scheduler(store, LocalExecutor(), SystemClock(), places)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not Path(sys.argv[3]).exists():
        time.sleep(0.001)
    runs = scheduler.arrange()
    sys.stdout.write(" ".join(sorted(f"{run.id}={','.join(run.slots)}" for run in runs if run.slots)) + "\n")
