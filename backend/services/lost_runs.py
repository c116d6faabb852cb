"""Runs whose folder is gone: laid to rest, so that they keep no place and can be deleted."""

import logging

from backend.domain.ports import Clock, Executor, RunStore
from backend.domain.run import Run
from backend.domain.states import RunState, Wish
from backend.domain.transition import AttemptEnd, Transition
from backend.store.errors import IllegalTransition, RunNotFound, StaleTransition

RUN_FOLDER_GONE = "run-folder-gone"
_WHY = "its folder is gone"
_log = logging.getLogger(__name__)


def lay_to_rest(run: Run, store: RunStore, executor: Executor, clock: Clock) -> bool:
    """End a run that cannot be started, because its folder does not exist; whether that was done.

    Only if no process that is known of it lives: the folder may lie on a disk that is away for a moment.
    """
    latest = run.latest_attempt
    known = (run.supervisor, latest.process if latest else None)
    if run.run_dir.is_dir() or any(process and executor.wait(process, 0) is None for process in known):
        return False
    is_open = latest is not None and latest.ended_at is None
    transition = Transition(
        run_id=run.id,
        fence=run.fence,
        source=run.state,
        target=RunState.STOPPED if run.state is RunState.FAILED else RunState.FAILED,
        reason=_WHY,
        message=f"Its folder {run.run_dir} is gone. Bring it back and resume the run, or delete the run.",
        at=clock.now(),
        end=AttemptEnd(None, None, _WHY) if is_open else None,
        error_id=RUN_FOLDER_GONE,
        wish=Wish.STOP,
    )
    try:
        store.apply(transition)
    except (StaleTransition, IllegalTransition, RunNotFound) as error:
        _log.info("somebody else has just dealt with %s: %s", run.id, error)
        return False
    return True
