"""The right side of the Train view: what would be trained, what it takes, what differs, and the sweep."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.basis_diff import basis_diff
from app.components.error_box import error_box
from app.components.lazy import lazy_expander
from app.components.run_past import draw_order
from app.components.sweep_form import sweep_cost, sweep_input, sweep_runs
from app.components.what_trains import Cost, what_trains
from app.drafts import knobs
from app.links import open_view
from app.notices import attempt, say
from app.remembered import base, check, has_gpu, measured_time, run_estimate, run_yaml, sweep_plan
from app.session import note, noted
from app.train_form import Form
from backend.domain.actions import set_sweep
from backend.domain.preflight import PreflightReport
from backend.domain.run_config import HUB_ID, RunConfig
from backend.domain.weight_sizes import weight_bytes
from backend.quantization import Fp4, Nf4
from backend.services.parameter_counts import Counting
from backend.services.sweeps import SweepInvalid
from config.catalog import DEMO_MODEL

WAIT_SECONDS = 0.5  # between two looks at the counting program; a click in between is heard
MOST_LOOKS = 480
MOST_COMPARED = 30
_FETCH = "train-count-from-hub"
CHOICES = ("method.name", "recipe.name", "quantization.name")


def draw_cost(form: Form, config: RunConfig, report: PreflightReport) -> DeltaGenerator:
    """What is trained and what it takes; the place is drawn again when a count comes in."""
    st.subheader("What will be trained", anchor=False)
    place = st.empty()
    counting = form.services.counts.look(config, base())
    _draw(form, config, report, counting, place)
    if counting.count is None and counting.error is None:
        _offer_count(config, counting)
    return place


def count_on(
    form: Form, config: RunConfig, report: PreflightReport, place: DeltaGenerator, meanwhile: Callable[[], object]
) -> None:
    """Wait for a count that a program makes; nothing but waiting comes after it, and a click leaves it at once.

    `meanwhile` is called between two looks: other programs may have something to tell.
    """
    counting = form.services.counts.look(config, base())
    if counting.count is not None or counting.error is not None:
        return
    if counting.model is None and noted(_FETCH) != config.base_model.path:
        return
    told = st.empty()
    for look in range(MOST_LOOKS):
        counting = form.services.counts.ask(config, base(), WAIT_SECONDS)
        if counting.count is not None or counting.error is not None:
            _draw(form, config, report, counting, place)
            break
        meanwhile()
        told.caption(f"Counting on the real layer shapes{'.' * (look % 3 + 1)}")
    told.empty()


def draw_difference(form: Form) -> None:
    """What the form says otherwise than what it was filled from."""
    if form.basis is None:
        return
    kind = form.training.basis.partition(":")[0]
    words = {"preset": "the preset", "profile": "the use case", "run": "the run"}
    with lazy_expander(f"Different from {words[kind]}", ":material/difference:", "train-diff") as is_open:
        if is_open:
            basis_diff(form.basis_name, form.basis, form.draft, is_partial=form.is_of_profile)


def draw_yaml(form: Form, config: RunConfig) -> None:
    """run.yaml and the command."""
    with lazy_expander("run.yaml and command", ":material/terminal:", "train-yaml") as is_open:
        if is_open:
            draw_order(run_yaml(form.services, config), "run")


def draw_sweep(form: Form) -> None:
    """Several runs with other values: typed, checked, and queued all at once."""
    label = "Sweep: several runs at once"
    with lazy_expander(label, ":material/account_tree:", "train-sweep") as is_open:
        if is_open:
            tag = form.services.sweeps.tag(form.draft)
            sweep = form.training.sweep
            fields = [*CHOICES, *knobs(form.draft)]
            sweep_input(sweep, fields, tag, lambda typed: form.state.update_state(set_sweep(typed)))
            if sweep.text.strip():
                _sweep(form, tag)


def _sweep(form: Form, tag: str) -> None:
    try:
        plan = sweep_plan(form.services, form.draft, form.training.sweep)
    except SweepInvalid as error:
        error_box(error.explain())
        return
    sweep_runs(plan)
    if not plan.is_valid:
        return
    first = plan.runs[0].config
    assert first is not None
    sweep_cost(len(plan.runs), check(form.services, first), measured_time(form.services, first))
    st.button(
        f"Queue {len(plan.runs)} runs",
        type="primary",
        icon=":material/playlist_add:",
        key="train-sweep-start",
        help="All of them, or none if one cannot be. They wait for their turn.",
        on_click=attempt,
        args=(_queue, form, tag),
    )


def _queue(form: Form, tag: str) -> None:
    plan = sweep_plan(form.services, form.draft, form.training.sweep)
    bar = st.progress(0.0, "Checking the runs")
    tag = form.training.sweep.tag or tag
    runs = form.services.sweeps.start(plan, base(), tag, lambda done, of: bar.progress(done / of, "Checking the runs"))
    form.services.drafts.finish(form.state)
    say(f"{len(runs)} runs wait for their turn. All of them have the tag {tag}.")
    if len(runs) <= MOST_COMPARED:
        open_view("compare", runs=",".join(run.id for run in runs))
    open_view("runs")


def _draw(form: Form, config: RunConfig, report: PreflightReport, counting: Counting, place: DeltaGenerator) -> None:
    weights, format_ = _weights(form, config, counting)
    told = run_estimate(form.services, config, report.steps_estimate)
    with place.container():
        what_trains(Cost(counting, weights, format_, report, told))


def _weights(form: Form, config: RunConfig, counting: Counting) -> tuple[float | None, str]:
    precision = config.training.precision
    if precision == "auto":
        precision = "bfloat16" if has_gpu(form.services) else "float32"
    named = config.quantization
    words = f"{precision}" if named.name == "none" else f"{named.name} (what is not quantized in {precision})"
    if counting.model is None or not counting.model.shapes:
        return None, words
    is_double = named.double if isinstance(named, Nf4 | Fp4) else True
    return weight_bytes(counting.model.shapes, named.name, precision, is_double=is_double), words


def _offer_count(config: RunConfig, counting: Counting) -> None:
    path = config.base_model.path
    if counting.model is not None:
        return
    if path == DEMO_MODEL:
        st.caption("The demo model is made when a run first needs it; then its parameters can be counted.")
    elif HUB_ID.match(path) and noted(_FETCH) != path:
        st.button(
            "Count the parameters",
            icon=":material/calculate:",
            key="train-count",
            help="Fetches the small files of the model from the hub, not its weights.",
            on_click=note,
            args=(_FETCH, path),
        )
