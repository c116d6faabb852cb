"""A trainer that even KILL does not end, such as one that waits for a broken disk."""

from pathlib import Path

from backend.domain.run import ProcessIdentity
from backend.domain.states import RunState, Wish
from tests.fakes.executor import FakeExecutor
from tests.unit.test_supervisor import Stage

ENOUGH = 20


class DeafExecutor(FakeExecutor):
    """KILL shows an effect only after a while."""

    def kill(self, process: ProcessIdentity) -> None:
        if self.calls.count("kill") < ENOUGH:
            self.calls.append("kill")
        else:
            super().kill(process)


def test_beside_a_trainer_that_kill_does_not_end_nothing_is_started(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.executor = DeafExecutor(stage.clock)
    stage.create()
    script = stage.script(on_term=None)
    script.on_wait = stage.wish(Wish.STOP)
    stage.executor.scripts = [script]
    run = stage.supervise()
    assert run.state is RunState.STOPPED
    assert "did not stop in time and was killed" in run.message
    assert stage.executor.calls.count("start") == 1
    assert stage.executor.calls.count("kill") == ENOUGH + 1
