"""The real launcher over the misbehaving server: launcher_program.py WORKSPACE PORT PLAN [POLICY as JSON]."""

import json
import os
import sys
from pathlib import Path

from backend.domain.engine import EnginePolicy
from backend.errors import StudioError
from backend.launcher.manager import ServerCommand
from backend.launcher.program import serve
from config.settings import Settings

SERVER = str(Path(__file__).with_name("misbehaving_server.py"))


def main(workspace: str, port: str, plan: str, policy: str = "{}") -> int:
    def command(_settings: Settings, chosen: int) -> ServerCommand:
        return ServerCommand((sys.executable, SERVER, str(chosen), plan), Path(plan).parent, dict(os.environ))

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    try:
        return serve(
            Settings(workspace=Path(workspace)),
            int(port),
            say,
            command=command,
            policy=EnginePolicy(**json.loads(policy)),
        )
    except StudioError as error:
        sys.stderr.write(error.explain().sentence())
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
