"""The state of a session: frozen, changed by actions, kept as text that never makes trouble."""

import dataclasses
import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain import actions
from backend.domain.application_state import (
    ApplicationState,
    ChatSettings,
    RunsLook,
    SamplingPreset,
    TrainingState,
    UIState,
    ViewState,
)
from backend.domain.board import XAxis
from backend.domain.json_value import frozen, thawed
from backend.domain.state_text import from_text, to_text
from backend.domain.tour import Tour, TourStep
from tests.fakes.drafts import edit_draft

NAMES = st.lists(st.text(), max_size=3).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
DRAFTS = st.dictionaries(st.text(), JSON, max_size=5)
STATES = st.builds(
    ApplicationState,
    view=st.builds(ViewState, st.text(), st.none() | st.text(), NAMES, NAMES),
    training=st.builds(TrainingState, DRAFTS, st.just(0)),
    ui=st.builds(
        UIState,
        st.floats(0, 0.999),
        st.booleans(),
        st.booleans(),
        st.sampled_from(XAxis),
        st.text(max_size=50),
        st.builds(ChatSettings, st.integers(1, 8192), st.floats(0, 5), st.floats(0.01, 1), st.booleans()),
        runs=st.builds(RunsLook, NAMES, st.text(max_size=50), st.booleans()),
        sampling_presets=st.lists(
            st.builds(SamplingPreset, st.text(min_size=1, max_size=60), st.just(ChatSettings())), max_size=2
        ).map(tuple),
        tour=st.builds(Tour, st.sampled_from(TourStep), st.text()),
    ),
)


@given(JSON)
def test_a_frozen_value_says_what_it_was_made_of(value: object) -> None:
    assert thawed(frozen(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1: 2}, {"a": [b"bytes"]}, {"a"}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="cannot be kept as JSON"):
        frozen(value)


def test_nobody_can_change_a_state_from_outside() -> None:
    modules = ["q_proj"]
    state = ApplicationState(training=TrainingState({"targets": modules}))  # type: ignore[dict-item]
    modules.append("v_proj")
    assert state.training.draft == {"targets": ("q_proj",)}
    assert isinstance(state.training.draft, MappingProxyType)
    with pytest.raises(TypeError):
        state.training.draft["targets"] = ()  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.view.current = "runs"  # type: ignore[misc]


@given(STATES)
def test_any_state_comes_back_from_its_text(state: ApplicationState) -> None:
    assert from_text(to_text(state)) == state


def test_the_version_of_the_runs_belongs_to_the_open_tab_only() -> None:
    state = actions.see_runs(7)(ApplicationState())
    assert state.training.runs_version == 7
    assert from_text(to_text(state)) == ApplicationState()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "null",
        "[]",
        "{",
        '{"schema_version": 0, "view": {"current": "runs"}}',
        '{"schema_version": 1}',
        '{"schema_version": 1, "view": 3, "draft": [], "ui": {"smoothing": 7}}',
        '{"schema_version": 1, "draft": {"a": NaN}}',
        '{"schema_version": 1, "draft": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}",
        '{"schema_version": 1, "draft": {"a": ' + "9" * 5000 + "}}",
    ],
)
def test_a_text_that_is_no_state_gives_the_defaults(text: str | None) -> None:
    assert from_text(text) == ApplicationState()


@given(st.text())
def test_no_text_at_all_makes_trouble(text: str) -> None:
    assert isinstance(from_text(text), ApplicationState)


@given(STATES, JSON, st.sampled_from(["view", "draft", "ui"]))
def test_a_damaged_part_does_not_take_the_others_with_it(state: ApplicationState, value: object, part: str) -> None:
    kept = json.loads(to_text(state)) | {part: value}
    restored = from_text(json.dumps(kept))
    assert part == "view" or restored.view == state.view
    assert part == "draft" or restored.training == state.training
    assert part == "ui" or restored.ui == state.ui


def test_each_action_changes_its_own_part() -> None:
    start = ApplicationState(view=ViewState(run_id="a", compare_ids=("a", "b")))
    settings = ChatSettings(temperature=0.0)
    assert actions.navigate("runs")(start).view.current == "runs"
    assert actions.open_run("c")(start).view.run_id == "c"
    assert actions.compare("x", "y", "x")(start).view.compare_ids == ("x", "y")
    looking = actions.look_at_curves("run:a", "dir:x/a", "run:a")(start)
    assert looking.view.curve_sources == ("run:a", "dir:x/a")
    axes = actions.set_axes(XAxis.TOKENS, is_log_x=True)(start).ui
    assert (axes.x_axis, axes.is_log_x) == (XAxis.TOKENS, True)
    assert actions.set_log_axis(is_log=True)(start).ui.is_log_axis
    assert actions.set_log_filter("error")(start).ui.log_filter == "error"
    assert actions.set_chat(settings)(start).ui.chat == settings
    assert [actions.set_smoothing(x)(start).ui.smoothing for x in (-1, 0.5, 2)] == [0.0, 0.5, 0.999]


def test_ways_of_sampling_are_kept_by_name_and_leave_length_and_seed_alone() -> None:
    hot = ChatSettings(temperature=1.5, min_p=0.1, stop=("###",), max_new_tokens=9, seed=9)
    state = actions.keep_sampling(SamplingPreset("mine", ChatSettings()))(ApplicationState())
    state = actions.keep_sampling(SamplingPreset("mine", hot))(actions.keep_sampling(SamplingPreset("b", hot))(state))
    assert [preset.name for preset in state.ui.sampling_presets] == ["b", "mine"]
    assert from_text(to_text(state)).ui == state.ui
    assert actions.drop_sampling("b")(state).ui.sampling_presets == (SamplingPreset("mine", hot),)
    taken = ChatSettings(quantization="nf4").sampled_as(hot)
    assert (taken.temperature, taken.stop, taken.quantization) == (1.5, ("###",), "nf4")
    assert (taken.sampling.max_new_tokens, taken.sampling.seed) == (256, 42)


def test_chat_settings_of_an_older_studio_are_read_with_defaults_for_the_rest() -> None:
    state = actions.set_chat(ChatSettings(temperature=0.2))(ApplicationState())
    kept = json.loads(to_text(state))
    kept["ui"]["chat"] = {"max_new_tokens": 9, "temperature": 0.1, "top_p": 0.5, "is_base_shown": False}
    del kept["ui"]["sampling_presets"]
    assert from_text(json.dumps(kept)).ui.chat == ChatSettings(9, 0.1, 0.5, is_base_shown=False)


def test_the_form_is_edited_and_replaced() -> None:
    state = edit_draft({"rank": 8, "path": "a.jsonl"})(actions.see_runs(3)(ApplicationState()))
    state = edit_draft({"rank": 16})(state)
    assert state.training == TrainingState({"rank": 16, "path": "a.jsonl"}, 3)
    assert actions.replace_draft({"rank": 4})(state).training == TrainingState({"rank": 4}, 3)
