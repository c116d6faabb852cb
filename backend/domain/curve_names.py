"""What the name of a tag tells: its unit, the heading it stands under, and which tags belong into one chart."""

import re
from dataclasses import dataclass

STEP_SPLIT = (
    "perf/data_seconds",
    "perf/forward_backward_seconds",
    "perf/optimizer_seconds",
    "perf/checkpoint_seconds",
)
_ROLES = ("train", "training", "eval", "evaluation", "val", "valid", "validation", "test")
_ROLE = "|".join(_ROLES)
_ROLE_FIRST = re.compile(rf"^({_ROLE})[/_](.+)$", re.IGNORECASE | re.DOTALL)
_ROLE_LAST = re.compile(rf"^(.+)[/_]({_ROLE})$", re.IGNORECASE | re.DOTALL)
_DEVICE = re.compile(r"^gpu/(\d+)/(.+)$", re.DOTALL)
_DIGITS = re.compile(r"(\d+)")
_UNITS = (
    ("tokens_per_second", "tokens/s"),
    ("seconds_per_step", "seconds"),
    ("_bytes", "bytes"),
    ("_watts", "watts"),
    ("_seconds", "seconds"),
    ("_percent", "percent"),
    ("_celsius", "celsius"),
    ("_joules", "joules"),
    ("num_tokens", "tokens"),
)
_HEADINGS = {"perf": (4, "Speed"), "gpu": (5, "GPU"), "system": (6, "System")}
_PROGRESS = ("train/epoch", "train/num_tokens")  # axes rather than results


@dataclass(frozen=True, slots=True)
class Slot:
    """What tags share a chart when one source is looked at: equal keys do. `place` orders the lines within."""

    key: str
    title: str
    place: int = 0
    is_stacked: bool = False


def unit_of(tag: str) -> str:
    """Such as "bytes", by the end of the name; "" if it tells none."""
    return next((unit for ending, unit in _UNITS if tag.endswith(ending)), "")


def heading_of(tag: str) -> tuple[int, str]:
    """The heading that a tag stands under, with its rank: loss first, then evaluation, training, others, machine."""
    parts = tag.lower().split("/")
    if tag in _PROGRESS:
        return 7, "Progress"
    if "loss" in parts[-1] or (parts[-1] in _ROLES and "loss" in parts[0]):
        return 0, "Loss"
    if parts[0] in _HEADINGS:
        return _HEADINGS[parts[0]]
    if parts[0] in _ROLES:
        return (2, "Training") if parts[0].startswith("train") else (1, "Evaluation")
    return 3, tag.partition("/")[0] if len(parts) > 1 else "Other"


def is_of_machine(tag: str) -> bool:
    """Whether it tells how fast and with what a run ran, rather than what it learned."""
    return tag.partition("/")[0].lower() in _HEADINGS


def slot_of(tag: str) -> Slot:
    """The chart of a tag within one source: train and eval of a metric, the parts of a step, all devices' figure."""
    if tag in STEP_SPLIT:
        return Slot("step-split", "Where a step's time goes", STEP_SPLIT.index(tag), is_stacked=True)
    if device := _DEVICE.match(tag):
        return Slot(f"gpu/*/{device[2]}", f"gpu/*/{device[2]}", int(device[1][:6]))
    if first := _ROLE_FIRST.match(tag):
        return Slot(f"metric/{first[2]}", first[2], _place(first[1]))
    if last := _ROLE_LAST.match(tag):
        return Slot(f"metric/{last[1]}", last[1], _place(last[2]))
    return Slot(f"tag/{tag}", tag)


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts gpu/2 before gpu/10."""
    return tuple(
        (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part.lower())
        for part in _DIGITS.split(name[:400])
        if part
    )


def _place(role: str) -> int:
    return _ROLES.index(role.lower())
