"""`python -m backend.supervisor RUN_DIR`."""

import gc
import sys

from backend.supervisor.program import main

gc.freeze()  # modules live as long as we: no collection need look at them, not even the last one
sys.exit(main(sys.argv[1:]))
