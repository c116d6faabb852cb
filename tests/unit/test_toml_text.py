"""studio.toml is changed line by line, keeps its comments, and always means what was asked for."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.store.toml_text import with_value, written

FILE = """\
# my machine
port = 8600  # taken: 8000

[flags]
# try it
developer = true
"""


def test_a_value_is_replaced_where_it_stands() -> None:
    assert with_value(FILE, "port", 9000) == FILE.replace("8600", "9000")
    assert with_value(FILE, "flags.developer", False) == FILE.replace("true", "false")


def test_a_new_key_is_written_into_its_table() -> None:
    assert with_value(FILE, "debug", True) == FILE.replace("8000\n", "8000\ndebug = true\n")
    assert with_value(FILE, "flags.plugins", False) == FILE + "plugins = false\n"
    assert with_value("", "flags.plugins", False) == "[flags]\nplugins = false\n"
    assert with_value("", "port", 1) == "port = 1\n"


def test_a_key_that_is_taken_away_leaves_the_others() -> None:
    assert with_value(FILE, "port", None) == FILE.replace("port = 8600  # taken: 8000\n", "")
    assert with_value(FILE, "nobody", None) == FILE
    assert tomllib.loads(with_value(FILE, "flags.developer", None)) == {"port": 8600, "flags": {}}


@pytest.mark.parametrize(
    "text",
    [
        "backoff_seconds = [\n  0.0, # at once\n  1.0,\n]\nport = 1\n",
        'energy_currency = "a # b"\nport = 1\n',
        'note = """\nport = 7\n"""\nport = 1\n',
        '"port" = 1\n',
        "flags = { developer = true }\nport = 1\n",
        "flags.developer = true\nport = 1\n",
    ],
)
@pytest.mark.parametrize(
    ("key", "value"), [("port", 2), ("backoff_seconds", [1.5]), ("energy_currency", "€"), ("flags.developer", False)]
)
def test_what_cannot_be_changed_by_line_is_written_anew(text: str, key: str, value: object) -> None:
    wanted: dict[str, Any] = tomllib.loads(text)
    place = wanted
    *above, last = key.split(".")
    for name in above:
        place = place.setdefault(name, {})
    place[last] = value
    assert tomllib.loads(with_value(text, key, value)) == wanted


def test_a_torn_file_is_refused() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        with_value("port = [", "port", 1)


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
KEYS = st.text(st.characters(codec="utf-8"), max_size=5)


@given(st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3), max_size=4))
def test_what_is_written_is_read_back(values: dict[str, Any]) -> None:
    assert tomllib.loads(written(values)) == values
