"""The loop that keeps one run alive: it does what the state asks for, and writes the next state."""

import logging
from collections.abc import Callable
from dataclasses import replace

from backend.domain.decisions import End, Ending, Restart, decide, retries_left, spread, wish_at_rest
from backend.domain.heartbeat import Heartbeat
from backend.domain.places import visible_devices
from backend.domain.ports import Clock, RunFiles, RunStore, WarmExecutor
from backend.domain.queue import waits
from backend.domain.run import Attempt, ProcessIdentity, Run
from backend.domain.states import ENDS, Liveness, RunState, Wish, may_become
from backend.domain.transition import AttemptEnd, AttemptStart
from backend.errors import StudioError
from backend.store.disk_room import DiskRoom
from backend.store.errors import ResultNotKept, StaleTransition
from backend.store.orders import Orders
from backend.supervisor import story
from backend.supervisor.command import attempt_command, marks
from backend.supervisor.errors import RunFileMissing
from backend.supervisor.evidence import Evidence
from backend.supervisor.hearing import Hearing
from backend.supervisor.inquest import Inquest, not_started
from backend.supervisor.leave import Leave
from backend.supervisor.owned_run import OwnedRun
from backend.supervisor.patience import PatientStore
from backend.supervisor.rules import Rules, TrainerProgram
from backend.supervisor.search import Search
from backend.supervisor.stacks import Stacks
from backend.supervisor.standby import Standby, Surroundings
from backend.supervisor.upkeep import Upkeep
from backend.supervisor.watch import Seen, Watch

_log = logging.getLogger(__name__)
_WITH_TRAINER = frozenset({RunState.STARTING, RunState.RUNNING, RunState.PAUSING, RunState.STOPPING})
_ENDING = frozenset({RunState.PAUSING, RunState.STOPPING})
_ASKED_ANEW = ENDS | {RunState.CREATED, RunState.QUEUED, RunState.PAUSED}


class Supervisor:
    """Owns one run from `run()` on; whoever makes it holds supervisor.lock."""

    def __init__(
        self,
        run_id: str,
        store: RunStore,
        executor: WarmExecutor,
        clock: Clock,
        *,
        files: RunFiles,
        trainer: TrainerProgram,
        rules: Rules,
        leave: Leave,
        identity: ProcessIdentity,
        count_oom_kills: Callable[[], int | None],
        available_bytes: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._program = trainer
        self._rules = rules
        self._leave = leave
        patient = PatientStore(store, leave.pause)
        self._owned = OwnedRun(run_id, patient, clock, identity)
        self._search = Search(self._owned, executor, clock, rules, leave.pause)
        self._evidence = Evidence(self._owned.now.run_dir, files)
        self._orders = Orders(self._owned.now.run_dir)
        self._stacks = Stacks(executor, clock, leave.pause)
        folder = self._owned.now.run_dir
        around = Surroundings(run_id, folder, trainer, available_bytes, self._owned.remark, self._devices)
        self._standby = Standby(executor, clock, rules.standby, around)
        disk = DiskRoom(self._owned.now.run_dir, rules.min_free_bytes)
        self._upkeep = Upkeep(self._evidence.folder, rules.log_max_bytes, disk.measure, clock)
        patient.make_room = self._upkeep.free_reserve
        self._inquest = Inquest(self._evidence, count_oom_kills, clock, disk.measure)
        self._trainer: ProcessIdentity | None = None
        self._last: Ending | None = None
        self._not_before = clock.monotonic()
        self._why_paused = ""

    def run(self) -> None:
        """Until the run is over. Raises Left when told to leave, StaleTransition when superseded."""
        while (step := self._next_step()) is not None:
            self._leave.check()
            try:
                step()
            except ResultNotKept as error:
                self._refuse(error)

    def pause(self, why: str) -> None:
        """Lay down the wish to pause ourselves, for want of something that the run needs; `why` has no full stop.

        State and wish change in one transaction; a person's own wish to stop stays. A trainer is asked to end by
        whoever watches it; the run goes on when a person resumes it.
        """
        run = self._owned.refresh()
        target = RunState.PAUSING if run.state in _WITH_TRAINER else RunState.PAUSED
        if run.wish is Wish.RUN and run.state is not target and may_become(run.state, target):
            self._why_paused = why
            self._owned.move(target, why, story.pausing(why, target), wish=Wish.PAUSE)

    def _next_step(self) -> Callable[[], None] | None:
        run = self._owned.refresh()
        if run.state in _WITH_TRAINER:
            return self._attend
        if not run.needs_supervisor or waits(run):
            return None
        if run.wish is not Wish.RUN:
            return self._rest
        return self._wait if self._clock.monotonic() < self._not_before else self._begin

    def _rest(self) -> None:
        """A person said pause or stop while no trainer was there."""
        target = RunState.PAUSED if self._owned.now.wish is Wish.PAUSE else RunState.STOPPED
        message = f"{target.capitalize()} on request, before another attempt began."
        self._owned.move(target, f"{target} on request", message, error_id="")

    def _wait(self) -> None:
        self._leave.pause(min(self._rules.poll_seconds, self._not_before - self._clock.monotonic()))

    def _begin(self) -> None:
        if not self._evidence.has_config():
            self._refuse(RunFileMissing(path=self._evidence.folder.config))
            return
        self._search.clear()
        run = self._owned.refresh()
        if run.wish is not Wish.RUN:
            return
        self._why_paused = ""
        latest = run.latest_attempt
        number = latest.number + 1 if latest else 1
        if kept := self._orders.make_way(number):
            self._owned.remark(f"the former result is kept as {kept}")
        step = self._last.resume_step if self._last else self._evidence.resume_step()
        begin = AttemptStart(number, self._standby.next_token(), step)
        try:
            self._claim_attempt(begin, run)
        except StaleTransition:
            self._owned.reread()  # raises it again if another supervisor took the run; else its wish is another one now
            return
        self._start(self._attempt())

    def _claim_attempt(self, begin: AttemptStart, run: Run) -> None:
        self._owned.move(
            RunState.STARTING,
            f"attempt {begin.number} starts, {story.resumed(begin.resumed_from_step)}",
            story.beginning(run.latest_attempt, begin),
            begin=begin,
            failures=0 if run.state in _ASKED_ANEW else None,
            error_id="",
        )

    def _start(self, attempt: Attempt) -> None:
        self._inquest.begin()
        self._upkeep.hold_reserve()
        try:
            self._evidence.fence(attempt.number, attempt.token)
            command = attempt_command(self._program, self._owned.now, attempt, self._devices())
            self._trainer = self._standby.start(command)
        except (StudioError, OSError) as error:
            _log.exception("attempt %d could not be started", attempt.number)
            self._settle(attempt, not_started(error, self._evidence.resume_step()))
            return
        if self._trainer is None:
            self._owned.remark("the trainer's lock was taken by another process; looking again")
            self._leave.pause(self._rules.poll_seconds)
        else:
            warm = ", the warm standby" if self._standby.has_become(self._trainer) else ""
            said = f"attempt {attempt.number} is process {self._trainer.pid}{warm}"
            self._owned.remark(said, process=self._trainer)

    def _attend(self) -> None:
        """Watch the trainer of the latest attempt, ours or adopted, to its end; or learn that it is gone."""
        attempt = self._attempt()
        process, self._trainer = self._trainer, None
        if process is None and (process := self._search.trainer(marks(attempt))):
            self._owned.remark(f"adopted the living trainer, process {process.pid}", process=process)
        hearing = Hearing(self._evidence.folder.remarks(attempt.number), self._owned.reasons, self._owned.remark)
        seen = self._watch(process, attempt, hearing) if process else None
        self._executor.sweep(marks(attempt))
        hearing.listen()
        self._upkeep.cap_logs(attempt.number)
        ending = self._inquest.ending(attempt, seen)
        if self._executor.find(self._evidence.folder.trainer_lock)[0] is Liveness.DEAD:
            self._upkeep.clear_leftovers()
        self._settle(attempt, ending)
        if self._owned.now.state not in (RunState.BACKOFF, RunState.INTERRUPTED):
            self._standby.let_go()

    def _watch(self, process: ProcessIdentity, attempt: Attempt, hearing: Hearing) -> Seen:
        watch = Watch(
            process,
            self._executor,
            self._clock,
            self._rules,
            look=lambda: self._look(process, attempt),
            wish=lambda: self._owned.refresh().wish,
            asking=self._say_asked,
            tick=lambda: self._tick(attempt, hearing),
            hung=lambda: self._say_hung(process, attempt),
        )
        return watch.until_end()

    def _tick(self, attempt: Attempt, hearing: Hearing) -> None:
        self._leave.check()
        self._inquest.note()
        hearing.listen()
        self._upkeep.cap_logs(attempt.number)
        if room := self._upkeep.shortage():
            self.pause(f"the disk is nearly full: {room.sentence()}")

    def _look(self, process: ProcessIdentity, attempt: Attempt) -> Heartbeat | None:
        """This trainer's newest heartbeat; the first one makes the run a running one."""
        heartbeat = self._evidence.heartbeat()
        if heartbeat is None or (heartbeat.token != attempt.token and heartbeat.pid != process.pid):
            return None
        if self._owned.now.state is RunState.STARTING:
            self._owned.move(RunState.RUNNING, "first heartbeat", story.running(self._owned.now))
        if self._owned.now.state is RunState.RUNNING:
            self._standby.tend(heartbeat)
        return heartbeat

    def _say_asked(self, wish: Wish) -> None:
        target = RunState.PAUSING if wish is Wish.PAUSE else RunState.STOPPING
        if self._owned.now.state is not target:
            self._owned.move(target, *story.asked(wish, self._rules.stop_grace_seconds))

    def _say_hung(self, process: ProcessIdentity, attempt: Attempt) -> None:
        """Have the silent trainer's stacks in its log before it is killed, if it can still write them."""
        told = self._stacks.ask(process, lambda: self._evidence.log_bytes(attempt.number))
        self._owned.remark(f"attempt {attempt.number} hangs and is killed; {told}")

    def _settle(self, attempt: Attempt, ending: Ending) -> None:
        """Write what follows from the end of an attempt."""
        self._last = ending
        run = self._owned.reread()
        decision = self._decided(attempt, ending, run)
        end = AttemptEnd(ending.exit_code, ending.last_step, decision.reason)
        if isinstance(decision, End):
            retries = retries_left(decision, run)
            self._owned.move(
                decision.state,
                story.tried_again(decision.reason, retries),
                decision.message,
                end=end,
                error_id=decision.error_id,
                wish=wish_at_rest(decision.state, run.wish) if retries is None else None,
                retries=retries,
            )
        else:
            self._go_on(attempt, end, decision)

    def _decided(self, attempt: Attempt, ending: Ending, run: Run) -> Restart | End:
        """What follows; a change of orders is written down first, so that the next attempt cannot miss it."""
        policy = self._rules.policy
        change, why = self._orders.change_after(ending, attempt.number), self._why_paused
        decision = decide(ending, run.wish, run.failures, policy, change, why_paused=why)
        if isinstance(decision, End) or decision.change is None:
            return decision
        try:
            self._orders.carry_out(decision.change)
        except OSError as error:
            _log.warning("the next attempt's orders could not be changed: %s", error)
            return decide(ending, run.wish, run.failures, policy)
        self._last = replace(ending, resume_step=self._evidence.resume_step())
        return decision

    def _go_on(self, attempt: Attempt, end: AttemptEnd, decision: Restart) -> None:
        delay_seconds = spread(decision.delay_seconds, self._rules.chance())
        can_wait = self._owned.now.state not in _ENDING and delay_seconds > 0
        self._not_before = self._clock.monotonic() + delay_seconds
        self._owned.move(
            RunState.BACKOFF if can_wait else RunState.INTERRUPTED,
            decision.reason,
            story.waiting(attempt.number, end, delay_seconds),
            end=end,
            failures=decision.failures,
        )

    def _refuse(self, error: StudioError) -> None:
        """End a run that cannot even begin."""
        told = error.explain()
        message = f"{told.what} {told.why} {told.fix}"
        if self._owned.now.state is RunState.FAILED:  # the table has no arrow from an end to itself
            self._owned.move(RunState.STOPPED, "asked to go on", message)
        self._owned.move(RunState.FAILED, told.what, message, error_id=told.id, wish=Wish.STOP)

    def _attempt(self) -> Attempt:
        latest = self._owned.now.latest_attempt
        assert latest is not None, "a state with a trainer was reached by beginning an attempt"
        return latest

    def _devices(self) -> dict[str, str]:
        return visible_devices(self._owned.now.slots, self._orders.devices())
