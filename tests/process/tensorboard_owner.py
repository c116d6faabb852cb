"""Somebody who shows TensorBoard as a dashboard does: python tensorboard_owner.py WORKSPACE LOGDIR [IDLE_MINUTES].

Says the address on standard output when it answers, and tends it every 0.1 s.
"""

import sys
import time
from pathlib import Path

from backend.containers import build_container
from backend.domain.tensorboard_page import Stage
from config.settings import Settings

idle = float(sys.argv[3]) if len(sys.argv) > 3 else 15.0
container = build_container(Settings(workspace=Path(sys.argv[1]), tensorboard_idle_minutes=idle))
server = container.tensorboard()
directories = {"shown": Path(sys.argv[2])}
server.start(directories)
while (found := server.showing(directories)).stage is Stage.STARTING:
    time.sleep(0.1)
sys.stdout.write(f"{found.stage.value} {found.url} {found.reason}\n")
sys.stdout.flush()
while True:
    time.sleep(0.1)
    server.tend()
