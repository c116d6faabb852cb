"""Whether a model may be loaded for Chat without asking: it takes memory and time from runs on its device. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from backend.domain.places import Need, Places
from backend.domain.queue import waits
from backend.domain.run import Run

CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that trains on the device of the chat, or will as soon as it is its turn."""

    run_id: str
    name: str
    is_training: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where the chat's model is or would be, and which runs it disturbs there. `device` is "cpu" or a GPU's place.

    `asks` says whether a person has to agree first; `offers_cpu`: the processor is free, and the chat is not there.
    """

    device: str
    claims: tuple[Claim, ...] = ()
    asks: bool = False
    offers_cpu: bool = False

    @property
    def is_training(self) -> bool:
        """Whether a run is at work on the device now."""
        return any(claim.is_training for claim in self.claims)


def device_of(choice: Literal["auto", "cpu"], places: Places) -> str:
    """The place that the chat program takes: the first GPU that is visible, else the processor."""
    gpu = next((place.name for place in places.all if place.is_gpu), None)
    return gpu if choice == "auto" and gpu is not None else CPU


def judge(device: str, runs: Sequence[Run], needs: dict[str, Need], agreed: Collection[str] = ()) -> Verdict:
    """Whom a model on the device would disturb.

    `needs` are those of waiting runs; `agreed` are runs for which a person has said that it may.
    A waiting run claims every device of its kind, because nobody knows yet which one it gets.
    """
    claims = tuple(_claims(device, runs, needs))
    asks = any(claim.run_id not in agreed for claim in claims)
    is_cpu_free = device != CPU and not any(True for _ in _claims(CPU, runs, needs))
    return Verdict(device, claims, asks, asks and is_cpu_free)


def _claims(device: str, runs: Sequence[Run], needs: dict[str, Need]) -> list[Claim]:
    found = []
    for run in runs:
        if waits(run):
            need = needs.get(run.id)
            if need is not None and (need.kind == CPU) == (device == CPU):
                found.append(Claim(run.id, run.name, is_training=False))
        elif run.is_active and any(_is_on(slot, device) for slot in run.slots):
            found.append(Claim(run.id, run.name, is_training=True))
    return found


def _is_on(slot: str, device: str) -> bool:
    return slot.startswith("cpu:") if device == CPU else slot == device


def sentence(verdict: Verdict) -> str:
    """Who is disturbed by what, for a person; "" if nobody is."""
    where = "the processor" if verdict.device == CPU else verdict.device
    training = [claim.name for claim in verdict.claims if claim.is_training]
    waiting = [claim.name for claim in verdict.claims if not claim.is_training]
    parts = []
    if training:
        verb = "trains" if len(training) == 1 else "train"
        parts.append(f"{_listed(training)} {verb} on {where} now.")
    if waiting:
        verb = "waits" if len(waiting) == 1 else "wait"
        parts.append(
            f"{_listed(waiting)} {verb} for a turn there."
            if training
            else f"{_listed(waiting)} {verb} to train on {where}."
        )
    return " ".join(parts)


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:3])
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
