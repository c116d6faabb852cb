"""Reading and writing YAML 1.2, safely: no aliases, bounded size and depth, no duplicate keys."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.representer import SafeRepresenter

MAX_BYTES = 1_000_000
MAX_DEPTH = 64


class YamlError(ValueError):
    """Why a text is not taken, in one sentence with the line."""


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - a document may be anything
    """The document of a file as built-in types. Raises OSError or YamlError."""
    if path.stat().st_size > MAX_BYTES:
        raise YamlError(f"the file is larger than {MAX_BYTES:,} bytes")
    try:
        return parse_yaml(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise YamlError("the file is not UTF-8 text") from error


def parse_yaml(text: str) -> Any:  # noqa: ANN401 - a document may be anything
    """The document of a text as built-in types. Raises YamlError."""
    if len(text) > MAX_BYTES:
        raise YamlError(f"the text is longer than {MAX_BYTES:,} characters")
    try:
        _refuse_bombs(text)
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise YamlError(" ".join(str(error).split())) from error
    except (ValueError, RecursionError) as error:
        raise YamlError(str(error) or type(error).__name__) from error


def dump_yaml(value: Any) -> str:  # noqa: ANN401 - whatever YAML can hold
    """Block-style YAML 1.2 with the keys in the given order."""
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    """Quotes texts with line ends of Unicode, which plain ones would lose to a space."""

    def represent_str(self, data: str) -> Any:  # noqa: ANN401 - a node of ruamel's
        style = '"' if any(end in data for end in "\x85\u2028\u2029") else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Representer.add_representer(str, _Representer.represent_str)


def _refuse_bombs(text: str) -> None:
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, AliasEvent):
            raise YamlError(f"line {event.start_mark.line + 1}: aliases (*name) are not allowed")
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} levels")
