"""What a session can do to its state; each action is an updater for StateManager.update_state."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from backend.domain.application_state import (
    ApplicationState,
    ChatSettings,
    RunsLook,
    SamplingPreset,
    SweepForm,
    TrainingState,
    UIState,
    Updater,
)
from backend.domain.board import XAxis
from backend.domain.json_value import JsonValue, frozen_mapping
from backend.domain.tour import Tour, TourStep

MAX_SMOOTHING = 0.999
MAX_SAMPLING_PRESETS = 50


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


def revise_draft(change: Callable[[Mapping[str, JsonValue]], Mapping[str, object]]) -> Updater:
    """Make another draft of the present one; it stays the same form."""
    return lambda state: _with_draft(state, change(state.training.draft))


def replace_draft(draft: Mapping[str, object], basis: str = "") -> Updater:
    """Begin another form, for example from a preset or an earlier run (`basis`); the present one is left as kept."""

    def update(state: ApplicationState) -> ApplicationState:
        fresh = TrainingState(frozen_mapping(draft), state.training.runs_version, basis)
        return replace(state, training=fresh)

    return update


def resume_draft(draft: Mapping[str, object], basis: str, sweep: SweepForm, draft_id: str, mark: str) -> Updater:
    """Go on with a form that was kept."""
    return lambda state: replace(
        state,
        training=TrainingState(frozen_mapping(draft), state.training.runs_version, basis, draft_id, mark, sweep),
    )


def keep_draft(draft_id: str, mark: str) -> Updater:
    """Remember where the form is kept, and in which version."""
    return lambda state: replace(state, training=replace(state.training, draft_id=draft_id, draft_mark=mark))


def finish_draft(state: ApplicationState) -> ApplicationState:
    """The form has become a run: what it says stays, as the beginning of another one."""
    return replace(state, training=replace(state.training, draft_id="", draft_mark="", sweep=SweepForm()))


def set_basis(basis: str) -> Updater:
    """Remember what the form was filled from."""
    return lambda state: replace(state, training=replace(state.training, basis=basis))


def set_sweep(sweep: SweepForm) -> Updater:
    """Keep what is typed of a sweep."""
    return lambda state: replace(state, training=replace(state.training, sweep=sweep))


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


def set_runs_look(look: RunsLook) -> Updater:
    """Show runs in other columns, or in another order."""
    return _with_ui(lambda ui: replace(ui, runs=look))


def keep_sampling(preset: SamplingPreset) -> Updater:
    """Keep a way of sampling under a name, in place of what had that name; the oldest goes if there are too many."""

    def change(ui: UIState) -> UIState:
        others = tuple(one for one in ui.sampling_presets if one.name != preset.name)
        return replace(ui, sampling_presets=(*others, preset)[-MAX_SAMPLING_PRESETS:])

    return _with_ui(change)


def drop_sampling(name: str) -> Updater:
    """Forget a way of sampling."""
    return _with_ui(
        lambda ui: replace(ui, sampling_presets=tuple(one for one in ui.sampling_presets if one.name != name))
    )


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
    return replace(state, training=replace(state.training, draft=frozen_mapping(draft)))


def _with_ui(change: Callable[[UIState], UIState]) -> Updater:
    return lambda state: replace(state, ui=change(state.ui))
