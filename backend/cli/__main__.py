"""python -m backend.cli, for those who need the interpreter's own path: a service unit."""

from backend.cli.main import run

run()
