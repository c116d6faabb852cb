"""Small words and controls of the dashboard that need no page."""

import pytest

from app.components.parameter_input import _bounds, _read, _step
from app.components.sizes import in_bytes
from app.components.state_badge import _LOOKS
from backend.domain.states import RunState
from backend.spec import Parameter


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (512, "512 B"), (1536, "1.5 KiB"), (139 * 2**30, "139 GiB"), (5 * 2**40, "5 TiB")],
)
def test_sizes_have_binary_units(size: int, words: str) -> None:
    assert in_bytes(size) == words


def test_every_state_has_a_look() -> None:
    assert set(_LOOKS) == set(RunState)


def knob(kind: str, **facts: object) -> Parameter:
    return Parameter(**({"name": "x", "label": "X", "help": "", "kind": kind, "default": None} | facts))


@pytest.mark.parametrize(("default", "step"), [(2e-4, 1e-4), (3.0, 1.0), (0.03, 0.01), (0.0, 0.05), (None, 0.05)])
def test_steps_of_fractions_follow_their_default(default: float | None, step: float) -> None:
    assert _step(default) == pytest.approx(step)


def test_bounds_stretch_to_what_the_draft_holds_and_stay_exact_in_a_browser() -> None:
    assert _bounds(knob("int", minimum=1, maximum=10), 50) == (1, 50)
    assert _bounds(knob("int", minimum=1, maximum=10), -3) == (-3, 10)
    assert _bounds(knob("int", minimum=None, maximum=2**60), 1) == (None, 2**53 - 1)


def test_lists_are_typed_with_commas() -> None:
    assert _read(knob("list", default="all-linear"), " q_proj,, v_proj ") == ["q_proj", "v_proj"]
    assert _read(knob("list", default="all-linear"), "all-linear") == "all-linear"
    assert _read(knob("text"), "   ") is None
