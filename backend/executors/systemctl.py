"""systemctl --user: the person's own service manager."""

import shutil
import subprocess
import sys
from dataclasses import dataclass

_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """What systemctl said; the code is 124 if it did not answer in time."""

    code: int
    out: str
    err: str


class UserSystemctl:
    """Found on PATH at each call."""

    def is_there(self) -> bool:
        """Whether this system could have user services."""
        return sys.platform == "linux" and shutil.which("systemctl") is not None

    def ask(self, *words: str) -> Told:
        """Run it with these words. Never raises for what it says."""
        try:
            done = subprocess.run(
                (shutil.which("systemctl") or "systemctl", "--user", *words),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Told(124, "", f"it did not answer within {_TIMEOUT_SECONDS:g} s")
        except OSError as error:
            return Told(127, "", str(error))
        return Told(done.returncode, done.stdout.strip(), done.stderr.strip())
