"""Laps as tables: medians with their spread, and ratios to the plain Hugging Face trainer."""

from collections.abc import Sequence
from pathlib import Path

from scripts.benchmarks.training.contestants import ALL, BASELINE, STUDIO, Contestant
from scripts.benchmarks.training.races import Lap, middle

BEGIN, END = "<!-- scripts/bench train: begin -->", "<!-- scripts/bench train: end -->"
SAME_LOSS = 5e-5  # to the fourth digit
TITLES = (
    "contestant|tokens/s|tokens/CPU s (lowest to highest)|ratio|step memory, MB|ratio|mean loss|last loss|same rows"
)
HEAD = (f"| {TITLES.replace('|', ' | ')} |", "|---|--:|--:|--:|--:|--:|--:|--:|---|")


def table(laps: Sequence[Lap], data: str, failed: dict[str, str]) -> str:
    """One line for each contestant that ran on this data, in the order of the list; failures say why."""
    groups = {name: [lap for lap in laps if lap.contestant == name and lap.data == data] for name in ALL}
    base = groups[BASELINE]
    lines = [_line(ALL[name], group, base) for name, group in groups.items() if group]
    lines += [f"| {ALL[name].title} | not measured: {why} | | | | | | | |" for name, why in failed.items()]
    return "\n".join([*HEAD, *lines])


def _line(contestant: Contestant, laps: Sequence[Lap], base: Sequence[Lap]) -> str:
    speeds = [lap.tokens_per_cpu_second for lap in laps]
    memory = middle([lap.peak_bytes for lap in laps])
    speed_ratio = memory_ratio = same = "?"
    if base:
        speed_ratio = f"{middle(speeds) / middle([lap.tokens_per_cpu_second for lap in base]):.2f}"
        memory_ratio = f"{memory / middle([lap.peak_bytes for lap in base]):.2f}"
        same = "yes" if is_same(laps[0], base[0]) else "no"
    cells = [
        contestant.title,
        f"{middle([lap.tokens_per_second for lap in laps]):,.0f}",
        f"{middle(speeds):,.0f} ({min(speeds):,.0f} to {max(speeds):,.0f})",
        speed_ratio,
        f"{memory / 1e6:,.0f}",
        memory_ratio,
        f"{mean_loss(laps[0]):.4f}",
        last_loss(laps[0]),
        same,
    ]
    return "| " + " | ".join(cells) + " |"


def mean_loss(lap: Lap) -> float:
    """Over all steps, warm-up included: they train too."""
    return sum(lap.losses) / len(lap.losses)


def last_loss(lap: Lap) -> str:
    """Of the last step; a program that logs one mean over all steps does not tell it."""
    return f"{lap.losses[-1]:.4f}" if len(lap.losses) == len(lap.batches) else "not logged"


def is_same(lap: Lap, other: Lap) -> bool:
    """Whether the steps that both made held the same rows, and as many tokens if both made all."""
    rows = all(one == another for one, another in zip(lap.batches, other.batches, strict=False))
    return rows and (lap.tokens == other.tokens or len(lap.batches) != len(other.batches))


def verdicts(laps: Sequence[Lap], data_sets: Sequence[str]) -> list[str]:
    """What the issue asks of us, measured: ratios to the plain trainer, and to the fastest peer with its loss."""
    told = []
    for data in data_sets:
        groups: dict[str, list[Lap]] = {}
        for lap in laps:
            if lap.data == data:
                groups.setdefault(lap.contestant, []).append(lap)
        if BASELINE not in groups or STUDIO not in groups:
            continue
        ours, plain = groups[STUDIO], groups[BASELINE]
        equal = {
            name: group
            for name, group in groups.items()
            if ALL[name].is_peer and abs(mean_loss(group[0]) - mean_loss(plain[0])) < SAME_LOSS
        }
        fastest = max(equal, key=lambda name: _speed(equal[name]))
        leanest = min(equal, key=lambda name: _memory(equal[name]))
        to_plain, to_fastest = _speed(ours) / _speed(plain), _speed(ours) / _speed(equal[fastest])
        memory, to_leanest = _memory(ours) / _memory(plain), _memory(ours) / _memory(equal[leanest])
        told.append(
            f"* {data}: {to_plain:.2f} times the tokens per CPU second of the plain trainer, {memory:.2f} of its step "
            f"memory; mean loss {mean_loss(ours[0]):.4f} and {mean_loss(plain[0]):.4f}."
        )
        told.append(
            f"* {data}: {to_fastest:.2f} times the fastest peer with that loss ({ALL[fastest].title}), "
            f"{to_leanest:.2f} of the memory of the leanest ({ALL[leanest].title})."
        )
    return told


def _speed(laps: Sequence[Lap]) -> float:
    return middle([lap.tokens_per_cpu_second for lap in laps])


def _memory(laps: Sequence[Lap]) -> float:
    return middle([lap.peak_bytes for lap in laps])


def put_between_marks(page: Path, text: str) -> None:
    """Replace what stands between the marks of a page. Raises ValueError if it has none."""
    old = page.read_text(encoding="utf-8")
    if BEGIN not in old or END not in old:
        raise ValueError(f"{page} has no lines {BEGIN} and {END}")
    before, _, rest = old.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")
