"""Tags of a preset: a comment at the top of its file, `# tags: chat, small`, so that the file stays a plain order."""

import re
from collections.abc import Iterable

MOST_TAGS = 10
LONGEST_TAG = 30
_LINE = re.compile(r"#\s*tags:(.*)")


def cleaned(tags: Iterable[str]) -> tuple[str, ...]:
    """Each once, in small letters, without what would end it: commas, line ends, control characters."""
    found = ("".join(c if c.isprintable() and c != "," else " " for c in tag) for tag in tags)
    short = (" ".join(tag.lower().split())[:LONGEST_TAG].strip() for tag in found)
    return tuple(dict.fromkeys(tag for tag in short if tag))[:MOST_TAGS]


def tags_in(text: str) -> tuple[str, ...]:
    """The tags that the comments before the first key name; none if they name none."""
    for line in text.lstrip("\ufeff").split("\n"):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            break
        if found := _LINE.fullmatch(stripped):
            return cleaned(found[1].split(","))
    return ()


def with_tags(text: str, tags: Iterable[str]) -> str:
    """The text with these tags in place of those that it had."""
    head, rest = [], text.lstrip("\ufeff").split("\n")
    while rest and (not rest[0].strip() or rest[0].strip().startswith("#")):
        line = rest.pop(0)
        if not _LINE.fullmatch(line.strip()):
            head.append(line)
    kept = cleaned(tags)
    return "\n".join([f"# tags: {', '.join(kept)}"] * bool(kept) + head + rest)


def is_wanted(name: str, tags: Iterable[str], words: str = "", wanted: Iterable[str] = ()) -> bool:
    """Whether a preset has all wanted tags, and each of the words in its name or a tag."""
    has = set(tags)
    text = " ".join([name, *has]).lower()
    return has.issuperset(wanted) and all(word in text for word in words.lower().split())
