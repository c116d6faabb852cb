"""The real supervisor program with the misbehaving trainer: python supervisor_program.py RUN_DIR.

A file RUN_DIR/oom-kills stands for the kernel's count of processes killed for want of memory; FAKE_TRAINER
names another trainer program.
"""

import gc
import os
import sys
from pathlib import Path

from backend.supervisor import program

TRAINER = (sys.executable, os.environ.get("FAKE_TRAINER") or str(Path(__file__).with_name("misbehaving_trainer.py")))
STANDBY = (*TRAINER, "--standby")
SUPERVISOR = (sys.executable, str(Path(__file__)))

if __name__ == "__main__":
    gc.freeze()  # as the real one does
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:  # it is for us, not for trainers
        del os.environ[name]
    count = Path(sys.argv[1]) / "oom-kills"
    program.oom_kills = lambda: int(count.read_text()) if count.exists() else 0
    sys.exit(program.main(sys.argv[1:], trainer=TRAINER, supervisor=SUPERVISOR, standby=STANDBY))
