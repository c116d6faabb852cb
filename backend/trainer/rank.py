"""One of several processes of an attempt: trains its part; the first one writes for all.

Usage: python -m backend.trainer.rank RUN_DIR, by accelerate's launcher only.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.domain.run_directory import RunDirectory
from backend.errors import EXIT_CHECKPOINTED
from backend.executors.orphans import die_with_parent, take_forks_along
from backend.store.files import replace_text
from backend.trainer.__main__ import run_to_end
from backend.trainer.attempt import own_attempt
from backend.trainer.heartbeat import HeartbeatWriter, NoHeartbeat
from backend.trainer.launch import go_file, rank_record
from backend.trainer.stacks import tell_stacks_on_request
from backend.trainer.stop import GoFile, StopFlag


def main(argv: Sequence[str]) -> int:
    """Train; 0 if what was to be done is done or saved, so that the launcher lets the others end as well."""
    tell_stacks_on_request()
    die_with_parent(os.getppid())
    take_forks_along()
    run, index = RunDirectory(Path(argv[0])), int(os.environ["RANK"])
    attempt = own_attempt(run, os.environ)
    kind = NoHeartbeat if index else HeartbeatWriter
    heartbeat = kind(run.heartbeat, token=attempt.token, attempt=attempt.number)
    stop = StopFlag() if index else GoFile(go_file(run))
    record = run_to_end(attempt, heartbeat, stop, is_rank=True)
    replace_text(rank_record(run, attempt.number, index), record.to_json())
    return 0 if record.code == EXIT_CHECKPOINTED else record.code


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # the others may be gone already: nobody waits for them at the end
