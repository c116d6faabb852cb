"""What a session can do to its state; each action is an updater for StateManager.update_state."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from backend.domain.application_state import ApplicationState, ChatSettings, TrainingState, UIState, Updater
from backend.domain.board import XAxis
from backend.domain.json_value import frozen_mapping
from backend.domain.tour import Tour, TourStep

MAX_SMOOTHING = 0.999


def navigate(view: str) -> Updater:
    """Go to a view."""
    return lambda state: replace(state, view=replace(state.view, current=view))


def open_run(run_id: str) -> Updater:
    """Make a run the one that views speak of."""
    return lambda state: replace(state, view=replace(state.view, run_id=run_id))


def compare(*run_ids: str) -> Updater:
    """Show these runs beside the open one, each once."""
    return lambda state: replace(state, view=replace(state.view, compare_ids=tuple(dict.fromkeys(run_ids))))


def look_at_curves(*sources: str) -> Updater:
    """Remember whose curves are looked at, each once."""
    return lambda state: replace(state, view=replace(state.view, curve_sources=tuple(dict.fromkeys(sources))))


def forget_run(run_id: str) -> Updater:
    """Close a run that is gone, wherever it is shown."""

    def update(state: ApplicationState) -> ApplicationState:
        left = tuple(other for other in state.view.compare_ids if other != run_id)
        sources = tuple(source for source in state.view.curve_sources if source != f"run:{run_id}")
        open_id = None if state.view.run_id == run_id else state.view.run_id
        return replace(state, view=replace(state.view, run_id=open_id, compare_ids=left, curve_sources=sources))

    return update


def edit_draft(changes: Mapping[str, object]) -> Updater:
    """Set fields of the form. Raises ValueError, when applied, for what JSON cannot say."""
    return lambda state: _with_draft(state, {**state.training.draft, **changes})


def replace_draft(draft: Mapping[str, object]) -> Updater:
    """Fill the form anew, for example from a preset or an earlier run."""
    return lambda state: _with_draft(state, draft)


def clear_draft(state: ApplicationState) -> ApplicationState:
    """Empty the form."""
    return _with_draft(state, {})


def see_runs(version: int) -> Updater:
    """Remember which version of the store the session has shown."""
    return lambda state: replace(state, training=replace(state.training, runs_version=version))


def set_smoothing(weight: float) -> Updater:
    """Smooth curves; the weight is kept within 0 and MAX_SMOOTHING."""
    return _with_ui(lambda ui: replace(ui, smoothing=min(max(weight, 0.0), MAX_SMOOTHING)))


def set_log_axis(is_log: bool) -> Updater:
    """Draw values on a logarithmic axis or not."""
    return _with_ui(lambda ui: replace(ui, is_log_axis=is_log))


def set_axes(x: XAxis, *, is_log_x: bool) -> Updater:
    """Draw curves over something, on a logarithmic axis or not."""
    return _with_ui(lambda ui: replace(ui, x_axis=x, is_log_x=is_log_x))


def set_log_filter(text: str) -> Updater:
    """Show only log lines that contain a text."""
    return _with_ui(lambda ui: replace(ui, log_filter=text[:1000]))


def set_chat(settings: ChatSettings) -> Updater:
    """Sample answers in another way."""
    return _with_ui(lambda ui: replace(ui, chat=settings))


def begin_tour(run_id: str) -> Updater:
    """Show the way from a demo run on."""
    return _with_ui(lambda ui: replace(ui, tour=ui.tour.begun(run_id)))


def go_on_tour(step: TourStep) -> Updater:
    """Take the tour from this step to the next; a step that is not the present one changes nothing."""
    return _with_ui(lambda ui: replace(ui, tour=ui.tour.next()) if ui.tour.step is step else ui)


def end_tour(state: ApplicationState) -> ApplicationState:
    """Show no more hints; it can be begun again."""
    return replace(state, ui=replace(state.ui, tour=Tour()))


def _with_draft(state: ApplicationState, draft: Mapping[str, object]) -> ApplicationState:
    return replace(state, training=TrainingState(frozen_mapping(draft), state.training.runs_version))


def _with_ui(change: Callable[[UIState], UIState]) -> Updater:
    return lambda state: replace(state, ui=change(state.ui))
