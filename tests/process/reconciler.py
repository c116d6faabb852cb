"""Another program that looks after runs: python reconciler.py WORKSPACE START_FILE. Prints how many it started."""

import sys
import time
from pathlib import Path

from backend.executors.local import LocalExecutor
from backend.probes.clock import SystemClock
from backend.probes.machine import LocalMachine
from backend.probes.places import LocalPlaces
from backend.services.process_manager import ProcessManager, SupervisorProgram
from backend.store.sql_store import SqlRunStore
from config.settings import Settings

PROGRAM = Path(__file__).parent.parent / "fakes" / "supervisor_program.py"

if __name__ == "__main__":
    settings = Settings(workspace=Path(sys.argv[1]))
    store = SqlRunStore(settings.url, SystemClock())
    program = SupervisorProgram(
        (sys.executable, str(PROGRAM)), settings.workspace, {"PEFT_STUDIO_WORKSPACE": str(settings.workspace)}
    )
    places = LocalPlaces(LocalMachine(settings.workspace), settings.cpu_slots)
    manager = ProcessManager(store, LocalExecutor(), SystemClock(), program, places)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not Path(sys.argv[2]).exists():
        time.sleep(0.001)
    sys.stdout.write(f"{len(manager.reconcile().started)}\n")
