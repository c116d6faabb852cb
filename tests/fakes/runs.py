"""Runs and transitions with everything a test does not care about filled in."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.domain.run import ProcessIdentity, Run
from backend.domain.states import RunState, Wish
from backend.domain.transition import Transition

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SUPERVISOR = ProcessIdentity(pid=100, start_ticks=1_000, boot_id="boot")
TRAINER = ProcessIdentity(pid=200, start_ticks=2**40, boot_id="boot")


def a_run(run_id: str = "a-run", **facts: Any) -> Run:
    run = Run(
        id=run_id,
        name="A run",
        run_dir=Path("/nowhere") / run_id,
        state=RunState.CREATED,
        wish=Wish.RUN,
        created_at=NOON,
        updated_at=NOON,
        method="lora",
        base_model="demo",
        dataset="sample:demo.jsonl",
    )
    return replace(run, **facts)


def a_transition(source: RunState, target: RunState, **facts: Any) -> Transition:
    transition = Transition(
        run_id="a-run", fence=1, source=source, target=target, reason="because", message="now", at=NOON
    )
    return replace(transition, **facts)
