"""Lines of the log: readable by people or by programs, and without secrets."""

import json
import logging
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logs import set_up_logging
from backend.domain.log_lines import FIELDS, JsonLines, formatter
from backend.domain.redaction import HIDDEN, redact
from config.settings import Settings

TOKEN = "hf_" + "x7Y2" * 8
HOME = Path("/home/ada")


def a_record(message: str, *args: object, **facts: object) -> logging.LogRecord:
    record = logging.LogRecord("app.frame", logging.WARNING, "frame.py", 1, message, args, None)
    for name, value in facts.items():
        setattr(record, name, value)
    return record


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"the token {TOKEN}.", f"the token {HIDDEN}."),
        ("HF_TOKEN=abc123", f"HF_TOKEN={HIDDEN}"),
        ('{"api_key": "abc123", "lr": 1}', f'{{"api_key": "{HIDDEN}", "lr": 1}}'),
        ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {HIDDEN}"),
        ("postgresql://ada:pa55word@db/studio", f"postgresql://{HIDDEN}@db/studio"),
        ("password='pa55'", f"password='{HIDDEN}'"),
        ("/home/ada/.peft-studio/runs", "~/.peft-studio/runs"),
        ("in /home/ada.", "in ~."),
        ("/home/adam/x", "/home/adam/x"),
        ("train/tokens: 5, max_tokens=512, tokenizer.json", "train/tokens: 5, max_tokens=512, tokenizer.json"),
        ("sqlite:////data/studio.db at 12:30:05", "sqlite:////data/studio.db at 12:30:05"),
    ],
)
def test_secrets_and_home_are_hidden_and_the_rest_stays(text: str, told: str) -> None:
    assert redact(text, HOME) == told


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.none()))
def test_every_json_line_is_one_line_and_one_object(message: str, fields: dict[str, object]) -> None:
    line = JsonLines().format(a_record("%s", message, **{FIELDS: {f"x-{name}": v for name, v in fields.items()}}))
    assert len(line.splitlines()) == 1 or "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["logger"]) == ("warning", "app.frame")
    assert datetime.fromisoformat(told["time"]).utcoffset() is not None


def test_json_lines_carry_fields_and_traces_without_secrets() -> None:
    try:
        int(TOKEN)
    except ValueError:
        record = a_record("it failed", exc_info=sys.exc_info(), **{FIELDS: {"context": {"url": f"x?token={TOKEN}"}}})
    line = JsonLines().format(record)
    told = json.loads(line)
    assert TOKEN not in line
    assert "ValueError" in told["trace"]
    assert told["context"] == {"url": f"x?token={HIDDEN}"}


def test_text_lines_tell_time_level_and_place() -> None:
    line = formatter("text").format(a_record("token=%s", TOKEN))
    assert line.endswith(f"WARNING app.frame: token={HIDDEN}")
    assert datetime.fromisoformat(line.split()[0]).utcoffset() is not None


@pytest.mark.parametrize(("log_format", "first"), [("json", "{"), ("text", "2")])
def test_the_dashboards_lines_have_the_form_that_is_set(
    log_format: str, first: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, ours = logging.getLogger(), logging.getLogger("app")
    before, level = list(root.handlers), ours.level
    library = logging.getLogger("streamlit.a_test")
    handler = logging.StreamHandler(sys.stderr)
    library.propagate = False
    library.addHandler(handler)
    try:
        set_up_logging(Settings(log_format=log_format, debug=True))
        set_up_logging(Settings(log_format=log_format, debug=True))
        logging.getLogger("app.frame").debug("ours")
        library.warning("theirs")
        lines = capsys.readouterr().err.splitlines()
    finally:
        for added in [each for each in root.handlers if each not in before]:
            root.removeHandler(added)
        ours.setLevel(level)
        logging.getLogger("backend").setLevel(level)
        library.removeHandler(handler)
    assert [line[0] for line in lines] == [first, first]
