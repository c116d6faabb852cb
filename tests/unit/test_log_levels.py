"""Which lines of a log are errors and warnings."""

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.log_levels import Level, chosen

LINES = [
    "Loading the model",
    "site-packages/x.py:3: FutureWarning: soon gone",
    "WARNING: the disk is slow",
    "step 3: loss 1.2, 0 errors so far",
    "Traceback (most recent call last):",
    '  File "train.py", line 3, in <module>',
    "    main()",
    "",
    "torch.OutOfMemoryError: CUDA out of memory",
    "2026-01-01 ERROR the next one",
    "Going on",
]


def test_errors_are_tracebacks_with_their_exception_and_lines_that_say_so() -> None:
    assert chosen(LINES, Level.ERRORS) == LINES[4:10]


def test_warnings_come_with_the_errors() -> None:
    assert chosen(LINES, Level.WARNINGS) == [*LINES[1:3], *LINES[4:10]]


def test_words_are_found_whatever_their_case() -> None:
    assert chosen(LINES, Level.ALL, "LOAD") == [LINES[0]]
    assert chosen(LINES, Level.ERRORS, "cuda") == [LINES[8]]
    assert chosen(LINES, Level.ERRORS, "going") == []


@given(st.lists(st.text(max_size=80)), st.text(max_size=5))
def test_graver_is_fewer_and_the_order_stays(lines: list[str], words: str) -> None:
    every, warnings, errors = (chosen(lines, level, words) for level in Level)
    for part, whole in ((every, lines), (warnings, every), (errors, warnings)):
        left = iter(whole)
        assert all(line in left for line in part)
