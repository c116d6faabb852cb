"""Durations in words."""


def in_words(seconds: float) -> str:
    """A duration a person can read at a glance: 45 s, 3 min 20 s, 5 h 10 min, 2 d 3 h."""
    whole = round(max(0.0, seconds))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    for i, (name, size) in enumerate(units):
        if whole >= size or name == "s":
            rest = [] if i == len(units) - 1 else [f"{whole % size // units[i + 1][1]} {units[i + 1][0]}"]
            return " ".join([f"{whole // size} {name}", *(r for r in rest if not r.startswith("0 "))])
    raise AssertionError(seconds)
