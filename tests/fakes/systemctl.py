"""A systemctl for PATH that records its arguments, and answers as a plan says."""

import json
import os
import sys
from pathlib import Path

PROGRAM = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "asked").open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
plan = json.loads((here / "plan.json").read_text())
code, out, err = plan.get(sys.argv[2], [0, "", ""])
print(out)
print(err, file=sys.stderr)
sys.exit(code)
"""


class FakeSystemctl:
    """`answers` maps a verb to (exit code, standard output, standard error)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        program = folder / "systemctl"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
        self.answers()

    def answers(self, **verbs: tuple[int, str, str]) -> None:
        plan = {name.replace("_", "-"): answer for name, answer in verbs.items()}
        (self.folder / "plan.json").write_text(json.dumps(plan))

    def asked(self) -> list[list[str]]:
        place = self.folder / "asked"
        return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []

    @property
    def path(self) -> str:
        return os.pathsep.join((str(self.folder), os.environ["PATH"]))
