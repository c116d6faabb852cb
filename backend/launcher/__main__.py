"""python -m backend.launcher, also installed as peft_engine."""

import sys

from backend.launcher.program import main

sys.exit(main())
