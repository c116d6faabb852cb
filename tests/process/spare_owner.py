"""Somebody who keeps a spare supervisor as a dashboard does: python spare_owner.py WORKSPACE.

It tends its spare every 20 ms, says on standard output when that one is ready (its memory), and looks after runs from
then on. SPARE_ENVIRONMENT is what the spare gets, SUPERVISOR_ENVIRONMENT what a supervisor is told.
"""

import json
import os
import sys
import time
from pathlib import Path

from backend.executors.local import LocalExecutor
from backend.probes.clock import SystemClock
from backend.probes.machine import LocalMachine
from backend.probes.memory import available_bytes, tree_bytes
from backend.probes.places import LocalPlaces
from backend.services.process_manager import ProcessManager, SupervisorProgram
from backend.services.spare import Memory, Spare, SpareRule, SpareState
from backend.store.sql_store import SqlRunStore
from config.settings import Settings

settings = Settings(workspace=Path(sys.argv[1]))
executor, clock = LocalExecutor(), SystemClock()
argv = (sys.executable, os.environ["SUPERVISOR"])
ahead, program = (
    SupervisorProgram(argv, settings.workspace, json.loads(os.environ[name]))
    for name in ("SPARE_ENVIRONMENT", "SUPERVISOR_ENVIRONMENT")
)
rule = SpareRule(min_free_bytes=0, after_seconds=0)
spare = Spare(executor, clock, ahead, rule, Memory(available_bytes, tree_bytes))
manager = ProcessManager(
    SqlRunStore(settings.url, clock),
    executor,
    clock,
    program,
    LocalPlaces(LocalMachine(settings.workspace), 4),
    start_ahead=spare.start,
)
was_ready = was_ever_ready = False
while True:
    spare.tend()
    is_ready = spare.state() is SpareState.READY
    if is_ready and not was_ready:
        sys.stdout.write(f"{spare.size_bytes()}\n")
        sys.stdout.flush()
    was_ready, was_ever_ready = is_ready, is_ready or was_ever_ready
    if was_ever_ready:
        manager.reconcile()
    time.sleep(0.02)
