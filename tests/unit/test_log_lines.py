"""Lines of the log: readable by people or by programs, and without secrets."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logs import OURS, _Lines, keep_logging_as_set, set_up_logging
from backend.containers import build_container
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


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """Handlers, formatters and levels are the process's: other tests want theirs back."""
    root = logging.getLogger()
    loggers = [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    handlers = list(root.handlers)
    formatters = [(handler, handler.formatter) for logger in (root, *loggers) for handler in logger.handlers]
    levels = [(logging.getLogger(name), logging.getLogger(name).level) for name in OURS]
    yield
    for added in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(added)
    for handler, form in formatters:
        handler.setFormatter(form)
    for logger, level in levels:
        logger.setLevel(level)


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize(("log_format", "first"), [("json", "{"), ("text", "2")])
def test_the_dashboards_lines_have_the_form_that_is_set(log_format: str, first: str) -> None:
    library = logging.getLogger("streamlit.a_test")
    library.propagate = False
    handler = logging.StreamHandler(io.StringIO())
    library.handlers = [handler]
    for _ in range(2):
        set_up_logging(Settings(log_format=log_format, debug=True))
    (ours,) = [each for each in logging.getLogger().handlers if type(each) is _Lines]
    ours.setStream(io.StringIO())
    logging.getLogger("app.frame").debug("ours")
    library.warning("theirs")
    library.handlers = []
    lines = [each.stream.getvalue().splitlines() for each in (ours, handler)]
    assert [len(each) for each in lines] == [1, 1]
    assert [each[0][0] for each in lines] == [first, first]


@pytest.mark.usefixtures("logging_as_it_was")
def test_the_log_follows_its_settings_at_once(workspace: Path) -> None:
    container = build_container(Settings(workspace=workspace))
    services = container.services()
    set_up_logging(services.settings.current())
    keep_logging_as_set(services)
    assert not logging.getLogger("app").isEnabledFor(logging.DEBUG)
    services.settings.set("log_format", "json")
    services.settings.set("debug", value=True)
    (ours,) = [each for each in logging.getLogger().handlers if type(each) is _Lines]
    ours.setStream(io.StringIO())
    logging.getLogger("app.frame").debug("ours")
    assert json.loads(ours.stream.getvalue())["message"] == "ours"
    services.settings.set("tensorboard_idle_minutes", 7)
    assert ours in logging.getLogger().handlers, "another setting has nothing set up again"
    container.shutdown_resources()
