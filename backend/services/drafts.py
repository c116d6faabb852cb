"""Drafts: unfinished forms of the Train view, kept one by one, so that none is lost with its browser tab."""

import hashlib
import json
import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache, lru_cache

from pydantic import TypeAdapter, ValidationError

from backend.domain.actions import finish_draft, keep_draft, resume_draft
from backend.domain.application_state import SweepForm, TrainingState
from backend.domain.json_value import JsonValue, frozen_mapping, thawed
from backend.domain.ports import Clock, DraftStore, KeptText
from backend.errors import StorageError
from backend.services.state_manager import StateManager

PREFIX = "train-form:"
MOST_KEPT = 50  # the longest untouched ones are forgotten first


@dataclass(frozen=True, slots=True)
class UnfinishedForm:
    """A form that somebody began, and when it was last changed (UTC)."""

    id: str
    saved_at: datetime
    draft: Mapping[str, JsonValue]
    basis: str = ""
    sweep: SweepForm = SweepForm()  # noqa: RUF009 - frozen


class Drafts:
    """Thread-safe. Two sessions that go on with the same form each keep their own from the first difference on."""

    def __init__(self, store: DraftStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()

    def unfinished(self) -> tuple[UnfinishedForm, ...]:
        """All of them, the one that was changed last first; what cannot be read is left out."""
        found = (_read(kept) for kept in self._store.list_drafts(PREFIX))
        return tuple(form for form in found if form is not None)

    def keep(self, manager: StateManager, *, is_pristine: bool = False) -> None:
        """Keep the session's form if it has changed. A pristine one (just filled, nothing of one's own) is not kept.

        What the store cannot take is logged; the session's own state says so too.
        """
        training = manager.state.training
        if not training.draft or (is_pristine and not training.draft_id and not training.sweep.text):
            return
        text = _text(training)
        mark = _mark(text)
        if mark == training.draft_mark:
            return
        try:
            with self._lock:
                draft_id = self._place(training)
                self._store.save_draft(f"{PREFIX}{draft_id}", text)
                self._forget_oldest()
        except StorageError as error:
            logging.getLogger(__name__).warning("the form was not kept: %s", error)
            return
        manager.update_state(keep_draft(draft_id, mark))

    def resume(self, manager: StateManager, draft_id: str) -> bool:
        """Go on with a kept form; False if there is none of this id any more."""
        text = self._store.load_draft(f"{PREFIX}{draft_id}")
        form = _read(KeptText(f"{PREFIX}{draft_id}", text, self._clock.now())) if text else None
        if form is None or text is None:
            return False
        manager.update_state(resume_draft(form.draft, form.basis, form.sweep, draft_id, _mark(text)))
        return True

    def discard(self, draft_id: str) -> None:
        """Forget a form for good; who has it open keeps what the page shows."""
        self._store.delete_draft(f"{PREFIX}{draft_id}")

    def finish(self, manager: StateManager) -> None:
        """The form has become a run: it is unfinished no more, but stays on the page."""
        if draft_id := manager.state.training.draft_id:
            self.discard(draft_id)
        manager.update_state(finish_draft)

    def now(self) -> datetime:
        """The present, to say how long ago something was (UTC)."""
        return self._clock.now()

    def _place(self, training: TrainingState) -> str:
        """The id to keep it under: the old one, unless another session changed, finished or discarded it."""
        old = training.draft_id and self._store.load_draft(f"{PREFIX}{training.draft_id}")
        if old and _mark(old) == training.draft_mark:
            return training.draft_id
        return secrets.token_hex(6)

    def _forget_oldest(self) -> None:
        for kept in self._store.list_drafts(PREFIX)[MOST_KEPT:]:
            self._store.delete_draft(kept.key)


def _text(training: TrainingState) -> str:
    kept = {"draft": thawed(training.draft), "basis": training.basis, "sweep": asdict(training.sweep)}
    return json.dumps(kept, ensure_ascii=True, allow_nan=False)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _sweep_forms() -> TypeAdapter[SweepForm]:
    """Made once: it takes milliseconds, and every draw of the form reads what is unfinished."""
    return TypeAdapter(SweepForm)


@lru_cache(maxsize=2 * MOST_KEPT)
def _read(kept: KeptText) -> UnfinishedForm | None:
    try:
        told = json.loads(kept.text)
        sweep = _sweep_forms().validate_python(told.get("sweep", {}))
        draft = frozen_mapping(told["draft"])
        return UnfinishedForm(kept.key.removeprefix(PREFIX), kept.saved_at, draft, str(told.get("basis", "")), sweep)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError, RecursionError):
        logging.getLogger(__name__).warning("the kept form %s cannot be read", kept.key)
        return None
