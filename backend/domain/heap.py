"""How a C library keeps the memory that was freed, and what makes an older glibc join it again. Pure.

Torch asks for aligned blocks. What is left over beside each of them glibc before 2.39 puts into its caches of small
blocks. Whatever is small and comes next lies down there and stays; then a freed tensor's place between such pieces is
too small for the next tensor of its size, and the heap grows (glibc's bug 30723). Without these caches what is left
over is joined with what becomes free beside it, as newer versions do by themselves.
"""

from collections.abc import Mapping

HEAP, MAPPED = "heap", "mapped"  # how main memory is kept
OLD_HEAP = "old heap"  # one that falls into pieces
TUNABLES = "GLIBC_TUNABLES"
_NO_CACHES = {"glibc.malloc.tcache_count": "0", "glibc.malloc.mxfast": "0"}
_SETTING = "glibc."
_OF_MAPPING = ("glibc.malloc.mmap_threshold", "glibc.malloc.mmap_max", "glibc.malloc.trim_threshold")
_JOINS_AGAIN = (2, 39)  # glibc: from this version on


def joining(c_library: str, given: str) -> str:
    """What `GLIBC_TUNABLES` shall be of a program that keeps tensors: what a person gave goes first.

    `c_library` is its name and version, such as "glibc 2.36". Empty where nothing is to be said.
    """
    if not _leaves_pieces(c_library):
        return given
    known = _settings(given)
    added = [f"{name}={value}" for name, value in _NO_CACHES.items() if name not in known]
    return ":".join([given, *added] if given else added)


def heap_of(c_library: str, tunables: str) -> str:
    """What kind of heap a program has."""
    has_caches = any(_settings(tunables).get(name) != value for name, value in _NO_CACHES.items())
    return OLD_HEAP if _leaves_pieces(c_library) and has_caches else HEAP


def as_given(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that a program was given, from what it looks like afterwards.

    Glibc before 2.39 cuts `GLIBC_TUNABLES` in place where it has read a setting: the rest looks like further variables.
    """
    rest = [f"{name}={value}" for name, value in environment.items() if name.startswith(_SETTING)]
    if TUNABLES not in environment or not rest:
        return dict(environment)
    whole = {name: value for name, value in environment.items() if not name.startswith(_SETTING)}
    return whole | {TUNABLES: ":".join([environment[TUNABLES], *rest])}


def bounds_mapping(environ: Mapping[str, str]) -> bool:
    """Whether a person has said which blocks are to be mapped."""
    named = _settings(environ.get(TUNABLES, ""))
    return any(name in named for name in _OF_MAPPING) or any(name.startswith("MALLOC_MMAP") for name in environ)


def _leaves_pieces(c_library: str) -> bool:
    name, _, version = c_library.partition(" ")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    return name == "glibc" and numbers < _JOINS_AGAIN


def _settings(tunables: str) -> dict[str, str]:
    """By name; as in glibc, what is said last counts."""
    pairs = (setting.partition("=") for setting in tunables.split(":"))
    return {name: value for name, sign, value in pairs if sign}
