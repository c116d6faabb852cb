"""The tour: three steps, each left by its own button, kept with the session's state."""

import json

from backend.domain.actions import begin_tour, end_tour, go_on_tour
from backend.domain.application_state import ApplicationState
from backend.domain.state_text import from_text, to_text
from backend.domain.tour import STEPS, VIEWS, Tour, TourStep


def test_it_goes_step_by_step_and_ends() -> None:
    state = begin_tour("a-run")(ApplicationState())
    seen = []
    while state.ui.tour.is_on:
        seen.append((state.ui.tour.step, state.ui.tour.number, state.ui.tour.run_id))
        state = go_on_tour(state.ui.tour.step)(state)
    assert seen == [(step, number, "a-run") for number, step in enumerate(STEPS, 1)]
    assert VIEWS.keys() == set(STEPS)


def test_a_second_click_on_the_same_button_skips_nothing() -> None:
    state = begin_tour("a-run")(ApplicationState())
    state = go_on_tour(TourStep.WATCH)(go_on_tour(TourStep.WATCH)(state))
    assert state.ui.tour.step is TourStep.ASK


def test_it_can_be_ended_and_begun_again_at_any_step() -> None:
    state = go_on_tour(TourStep.WATCH)(begin_tour("one")(ApplicationState()))
    assert end_tour(state).ui.tour == Tour()
    assert begin_tour("two")(state).ui.tour == Tour(TourStep.WATCH, "two")
    assert go_on_tour(TourStep.WATCH)(ApplicationState()) == ApplicationState()


def test_it_outlives_the_tab_and_older_texts_have_none() -> None:
    state = go_on_tour(TourStep.WATCH)(begin_tour("a-run")(ApplicationState()))
    text = to_text(state)
    assert from_text(text).ui.tour == Tour(TourStep.ASK, "a-run")
    older = json.loads(text)
    del older["ui"]["tour"]
    older["ui"]["smoothing"] = 0.25
    assert from_text(json.dumps(older)).ui.tour == Tour()
    assert from_text(json.dumps(older)).ui.smoothing == 0.25
