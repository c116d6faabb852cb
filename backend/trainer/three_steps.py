"""The program that measures what a run takes: three real steps on its longest batch, and nothing is left of them.

Usage: python -m backend.trainer.three_steps < order.json. The document is {"record": ...}, or {"error": ...,
"exit_code": ...}; before it come lines {"progress": ...}. It ends with whoever holds the other end of its input.
"""

import os
import shutil
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from backend.domain.memory_steps import StepsOrder
from backend.executors.heap import importing_for_good
from backend.trainer.one_answer import Say, answer_one
from backend.trainer.order import hide_bitsandbytes, settle_allocator, settle_main_memory
from backend.trainer.stop import StopFlag

PROCESSOR_SECONDS = 4 * 3600
GRACE_SECONDS = 8.0
_OOM_SCORE = Path("/proc/self/oom_score_adj")
_KILL_FIRST = "1000"  # of all programs, where memory runs out: this one was only a trial


def main() -> int:
    """Measure what the first line of the input orders; the exit code."""
    with suppress(OSError):
        _OOM_SCORE.write_text(_KILL_FIRST, encoding="ascii")
    return answer_one(StepsOrder, _answer, PROCESSOR_SECONDS)


def _answer(order: StepsOrder, say: Say) -> dict[str, object]:
    stop = StopFlag()
    stop.listen()
    folder = Path(order.folder)
    threading.Thread(target=_leave_with, args=(os.dup(0), folder, stop), name="tied", daemon=True).start()
    settle_allocator(os.environ, order.config)
    settle_main_memory(os.environ, order.config)
    hide_bitsandbytes(order.config, folder, sys.modules)  # type: ignore[arg-type] # typeshed has no None
    say("starting")
    with importing_for_good():
        from backend.trainer.trial import measure  # noqa: PLC0415 - seconds of imports

    return {"record": measure(order, say, stop).model_dump(mode="json")}


def _leave_with(holder: int, folder: Path, stop: StopFlag) -> None:
    """When the other end is closed: ask ourselves to end, then insist; nobody else may be there to tidy up."""
    with suppress(OSError):
        while os.read(holder, 1):
            pass
    stop.request()
    time.sleep(GRACE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
