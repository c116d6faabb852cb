"""The real supervisor program with the misbehaving trainer: python supervisor_program.py RUN_DIR."""

import sys
from pathlib import Path

from backend.supervisor.program import main

TRAINER = (sys.executable, str(Path(__file__).with_name("misbehaving_trainer.py")))
SUPERVISOR = (sys.executable, str(Path(__file__)))

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], trainer=TRAINER, supervisor=SUPERVISOR))
