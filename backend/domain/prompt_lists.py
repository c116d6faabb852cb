"""Lists of prompts in the forms in which people have them: lines, YAML, JSONL."""

import json
from collections.abc import Iterable

from config.yaml_files import YamlError, parse_yaml

MAX_PROMPTS = 500
MAX_LENGTH = 20_000
KEYS = ("prompt", "question", "instruction", "input", "text")


def checked(prompts: Iterable[object]) -> tuple[str, ...]:
    """The prompts, stripped, without empty ones. Raises ValueError with a sentence for what no list can be."""
    found = []
    for number, prompt in enumerate(prompts, start=1):
        if not isinstance(prompt, str):
            raise ValueError(f"Prompt {number} is no text")  # noqa: TRY004 - a value of a file, not of a program
        if len(prompt) > MAX_LENGTH:
            raise ValueError(f"Prompt {number} has more than {MAX_LENGTH:,} characters")
        if prompt.strip():
            found.append(prompt.strip())
    if not found:
        raise ValueError("There is no prompt in it")
    if len(found) > MAX_PROMPTS:
        raise ValueError(f"There are {len(found):,} prompts, and {MAX_PROMPTS} are the most")
    return tuple(found)


def from_yaml(text: str) -> tuple[str, ...]:
    """A list, or a list under `prompts`. Raises ValueError."""
    try:
        found = parse_yaml(text)
    except YamlError as error:
        raise ValueError(str(error)) from error
    prompts = found.get("prompts") if isinstance(found, dict) else found
    if not isinstance(prompts, list):
        raise ValueError("It is no list of prompts")  # noqa: TRY004 - as above
    return checked(prompts)


def from_jsonl(text: str) -> tuple[str, ...]:
    """A text in each line, or an object with a prompt. Raises ValueError with the line."""
    prompts = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"Line {number} is no JSON") from error
        if isinstance(value, dict):
            value = next((value[key] for key in KEYS if isinstance(value.get(key), str)), None)
        if not isinstance(value, str):
            raise ValueError(f"Line {number} has none of {', '.join(KEYS)}")  # noqa: TRY004 - as above
        prompts.append(value)
    return checked(prompts)


def from_lines(text: str) -> tuple[str, ...]:
    """One prompt per line. Raises ValueError."""
    return checked(text.splitlines())


def from_file(name: str, data: bytes) -> tuple[str, ...]:
    """The prompts of an uploaded file, read as its name says. Raises ValueError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("The file is no UTF-8 text") from error
    ending = name.rpartition(".")[2].lower()
    read = {"yaml": from_yaml, "yml": from_yaml, "jsonl": from_jsonl}.get(ending, from_lines)
    return read(text)
