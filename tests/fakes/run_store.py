"""A RunStore in memory; tests/contract/test_run_store.py holds it to what the real one does."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from backend.domain.ports import Clock, KeptText
from backend.domain.run import Attempt, JournalLine, ProcessIdentity, Run
from backend.domain.states import Wish, may_become
from backend.domain.transition import Arrangement, Requeueing, Transition, leaves_slots
from backend.errors import StudioError
from backend.store.errors import IllegalTransition, RunExists, RunNotFound, StaleTransition, StoreUnavailable


class FakeRunStore:
    """Records nothing on disk. `calls` names every writing method in order, for tests that look at them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._runs: dict[str, Run] = {}
        self._journals: dict[str, tuple[JournalLine, ...]] = {}
        self._drafts: dict[str, KeptText] = {}
        self._version = 0
        self.calls: list[str] = []

    def create(self, run: Run) -> None:
        with self._lock:
            if run.id in self._runs:
                raise RunExists(run_id=run.id)
            self._put("create", self._with_free_slots(run))

    def get(self, run_id: str) -> Run:
        with self._lock:
            if run_id not in self._runs:
                raise RunNotFound(run_id=run_id)
            return self._runs[run_id]

    def unsettled(self) -> Sequence[Run]:
        return [run for run in self.list() if run.needs_supervisor]

    def version(self) -> int:
        return self._version

    def journal(self, run_id: str) -> Sequence[JournalLine]:
        with self._lock:
            self.get(run_id)
            return self._journals.get(run_id, ())

    def set_wish(self, run_id: str, wish: Wish, reason: str, *, keeps_slot: bool = False) -> Run:
        with self._lock:
            changed = replace(self.get(run_id), wish=wish, keeps_slot=keeps_slot, updated_at=self._clock.now())
            if changed.is_paused and not keeps_slot:
                changed = replace(changed, slots=())
            return self._put("set_wish", changed, _remark(changed, reason))

    def claim(self, run_id: str, supervisor: ProcessIdentity) -> Run:
        with self._lock:
            run = self.get(run_id)
            now = self._clock.now()
            return self._put("claim", replace(run, fence=run.fence + 1, supervisor=supervisor, updated_at=now))

    def apply(self, transition: Transition) -> Run:
        with self._lock:
            if not may_become(transition.source, transition.target):
                raise _illegal(transition, "no such arrow")
            run = self.get(transition.run_id)
            is_unwished = transition.begin is not None and run.wish is not Wish.RUN
            if (run.fence, run.state) != (transition.fence, transition.source) or is_unwished:
                raise StaleTransition(run_id=run.id, expected=transition.source, found=run.state)
            changed = _applied(run, transition)
            latest = changed.latest_attempt.number if changed.latest_attempt else None
            line = JournalLine(transition.at, transition.source, transition.target, transition.reason, latest)
            return self._put("apply", changed, line)

    def slots(self) -> Mapping[str, str]:
        with self._lock:
            return {slot: run.id for run in self._runs.values() for slot in run.slots}

    def arrange(self, version: int, arrangement: Arrangement) -> bool:
        with self._lock:
            if version != self._version:
                return False
            before = dict(self._runs), dict(self._journals), list(self.calls)
            try:
                self._arrange(arrangement)
            except StudioError:
                self._runs, self._journals, self.calls = before
                self._version = version
                raise
            return True

    def requeue(self, requeueings: Sequence[Requeueing]) -> None:
        with self._lock:
            for change in requeueings:
                self.get(change.run_id)
            for change in requeueings:
                asked = {"priority": change.priority, "queued_at": change.queued_at, "after": change.after}
                run = replace(self.get(change.run_id), **{n: v for n, v in asked.items() if v is not None})
                at_now = replace(run, updated_at=self._clock.now())
                self._put("requeue", run, *([_remark(at_now, change.reason)] if change.reason else []))

    def _arrange(self, arrangement: Arrangement) -> None:
        now = self._clock.now()
        for run_id in arrangement.leaving:
            run = self.get(run_id)
            remark = _remark(replace(run, updated_at=now), "gave its places back unused")
            self._put("arrange", replace(run, slots=()), remark)
        for transition in arrangement.transitions:
            self.apply(transition)
        for run_id, names in arrangement.grants.items():
            run = self.get(run_id)
            if set(names) & self.slots().keys():
                raise StoreUnavailable(url="memory", detail="UNIQUE constraint failed: slots.name")
            remark = _remark(replace(run, updated_at=now), f"got {', '.join(names)}")
            self._put("arrange", replace(run, slots=tuple(sorted((*run.slots, *names)))), remark)
        for run_id, message in arrangement.messages.items():
            self._put("arrange", replace(self.get(run_id), message=message))

    def remark(self, run_id: str, fence: int, reason: str, process: ProcessIdentity | None = None) -> Run:
        with self._lock:
            run = replace(self.get(run_id), updated_at=self._clock.now())
            if run.fence != fence:
                raise StaleTransition(run_id=run_id, expected=fence, found=run.fence)
            run = run if process is None else _with_process(run, process)
            return self._put("remark", run, _remark(run, reason))

    def annotate(
        self,
        run_id: str,
        *,
        name: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Run:
        with self._lock:
            run = self.get(run_id)
            return self._put(
                "annotate",
                replace(
                    run,
                    name=run.name if name is None else name,
                    notes=run.notes if notes is None else notes,
                    tags=run.tags if tags is None else tuple(tags),
                    updated_at=self._clock.now(),
                ),
            )

    def delete(self, run_id: str) -> None:
        with self._lock:
            self.get(run_id)
            del self._runs[run_id]
            self._journals.pop(run_id, None)
            self._changed("delete")

    def restore(self, run: Run, journal: Sequence[JournalLine]) -> None:
        with self._lock:
            self._journals.pop(run.id, None)
            self._put("restore", self._with_free_slots(run), *journal)

    def save_draft(self, key: str, text: str) -> None:
        with self._lock:
            self._drafts[key] = KeptText(key, text, self._clock.now())
            self.calls.append("save_draft")

    def load_draft(self, key: str) -> str | None:
        kept = self._drafts.get(key)
        return kept.text if kept else None

    def list_drafts(self, prefix: str) -> Sequence[KeptText]:
        found = [kept for key, kept in self._drafts.items() if key.startswith(prefix)]
        return sorted(found, key=lambda kept: kept.saved_at, reverse=True)

    def delete_draft(self, key: str) -> None:
        with self._lock:
            self._drafts.pop(key, None)
            self.calls.append("delete_draft")

    def close(self) -> None:
        self.calls.append("close")

    def list(self) -> Sequence[Run]:
        with self._lock:
            return tuple(sorted(self._runs.values(), key=lambda run: (run.created_at, run.id), reverse=True))

    def _put(self, call: str, run: Run, *lines: JournalLine) -> Run:
        self._runs[run.id] = run
        self._journals[run.id] = (*self._journals.get(run.id, ()), *lines)
        self._changed(call)
        return run

    def _with_free_slots(self, run: Run) -> Run:
        taken = {slot for other in self._runs.values() if other.id != run.id for slot in other.slots}
        return replace(run, slots=() if taken & set(run.slots) else tuple(sorted(run.slots)))

    def _changed(self, call: str) -> None:
        self._version += 1
        self.calls.append(call)


def _remark(run: Run, reason: str) -> JournalLine:
    latest = run.latest_attempt.number if run.latest_attempt else None
    return JournalLine(run.updated_at, run.state, run.state, reason, latest)


def _with_process(run: Run, process: ProcessIdentity) -> Run:
    if run.latest_attempt is None:
        return run
    return replace(run, attempts=(*run.attempts[:-1], replace(run.latest_attempt, process=process)))


def _applied(run: Run, transition: Transition) -> Run:
    run = _with_attempts(run, transition)
    return replace(
        run,
        state=transition.target,
        message=transition.message,
        updated_at=transition.at,
        failures=run.failures if transition.failures is None else transition.failures,
        error_id=run.error_id if transition.error_id is None else transition.error_id,
        wish=_wish(run, transition),
        retries=run.retries if transition.retries is None else transition.retries,
        queued_at=run.queued_at if transition.queued_at is None else transition.queued_at,
        slots=() if leaves_slots(transition.target, keeps_slot=run.keeps_slot) else run.slots,
    )


def _wish(run: Run, transition: Transition) -> Wish:
    if transition.wish is Wish.PAUSE and run.wish is not Wish.RUN:
        return run.wish
    return run.wish if transition.wish is None else transition.wish


def _with_attempts(run: Run, transition: Transition) -> Run:
    begin, end, latest = transition.begin, transition.end, run.latest_attempt
    if latest is None and (end or (transition.process and not begin)):
        raise _illegal(transition, "no attempt")
    if end is not None and latest is not None:
        ended = replace(
            latest,
            ended_at=transition.at,
            exit_code=end.exit_code,
            last_step=end.last_step,
            reason=end.reason,
        )
        run = replace(run, attempts=(*run.attempts[:-1], ended))
    if begin is None:
        return run if transition.process is None else _with_process(run, transition.process)
    if begin.number <= (latest.number if latest else 0):
        raise _illegal(transition, "not a new attempt")
    started = Attempt(
        number=begin.number,
        token=begin.token,
        started_at=transition.at,
        process=transition.process,
        resumed_from_step=begin.resumed_from_step,
    )
    return replace(run, attempts=(*run.attempts, started))


def _illegal(transition: Transition, detail: str) -> IllegalTransition:
    return IllegalTransition(
        run_id=transition.run_id, source=transition.source, target=transition.target, detail=detail
    )
