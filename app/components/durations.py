"""Durations in words."""

_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def in_words(seconds: float) -> str:
    """A duration that a person can read at a glance: 45 s, 3 min 20 s, 5 h 10 min, 1 day 3 h, 12 days."""
    whole = round(max(0.0, seconds))
    place = next((i for i, (_, size) in enumerate(_UNITS) if whole >= size), len(_UNITS) - 1)
    name, size = _UNITS[place]
    parts = [_count(whole // size, name)]
    if place + 1 < len(_UNITS):
        smaller, its_size = _UNITS[place + 1]
        parts += [_count(rest, smaller)] if (rest := whole % size // its_size) else []
    return " ".join(parts)


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}s" if unit == "day" and number != 1 else f"{number:,} {unit}"


def roughly(seconds: float) -> str:
    """An estimate, without digits that nobody can know: rounded to a twentieth, or coarser."""
    steps = (1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)
    size = next((one for one in reversed(steps) if seconds >= 20 * one), 1)
    return in_words(round(max(0.0, seconds) / size) * size)
