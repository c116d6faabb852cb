"""A systemctl for PATH that records its arguments, and answers as it was told."""

import os
from pathlib import Path

PROGRAM = """#!/bin/sh
here="$(dirname "$0")"
echo "$*" >> "$here/asked"
[ -f "$here/$2.out" ] || exit 0
cat "$here/$2.out"
cat "$here/$2.err" >&2
exit "$(cat "$here/$2.code")"
"""


class FakeSystemctl:
    """`answers` maps a verb to (exit code, standard output, standard error); others answer 0 and nothing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        program = folder / "systemctl"
        program.write_text(PROGRAM)
        program.chmod(0o755)

    def answers(self, **verbs: tuple[int, str, str]) -> None:
        for name, told in verbs.items():
            for part, text in zip(("code", "out", "err"), told, strict=True):
                (self.folder / f"{name.replace('_', '-')}.{part}").write_text(str(text))

    def asked(self) -> list[list[str]]:
        place = self.folder / "asked"
        return [line.split() for line in place.read_text().splitlines()] if place.exists() else []

    @property
    def path(self) -> str:
        return os.pathsep.join((str(self.folder), os.environ["PATH"]))
