"""Chat: the base model, tuned models and their checkpoints answer the same question side by side."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from app import chat_address
from app.chat_sets import prompt_sets
from app.chat_talk import talk
from app.components.chat_consent import consent
from app.components.chat_program import loading_form, program_card
from app.components.chat_sampling import sampling_form
from app.components.empty_card import empty_card
from app.components.error_box import warning_box
from app.components.markdown_escape import escape
from app.components.run_selector import select_run
from app.links import open_view
from app.notices import attempt, say
from app.remembered import side_problems
from app.session import note, noted, state_manager, widget_value
from backend.domain.actions import drop_sampling, keep_sampling, open_run, set_chat
from backend.domain.application_state import ChatSettings, SamplingPreset
from backend.domain.chat_place import Verdict
from backend.domain.chat_sides import BASE, MOST_SIDES, Side, Subject
from backend.domain.run_view import RunView
from backend.methods import Method, WholeMethod
from backend.services.bundle import Services
from backend.services.chat_desk import Table
from backend.services.state_manager import StateManager
from backend.spec import members

MOST_OFFERED = 200
TALK, SETS = "Conversation", "Prompt sets"
_AGREED, _QUESTION, _HELD = "chat-agreed-runs", "chat-question", "chat-held-question"


def render(services: Services) -> None:
    """Who sits side by side, what a run would lose by it, then a conversation or sets of prompts."""
    st.title("Chat", anchor=False)
    views = [view for view in services.status.list() if view.has_adapter or view.last_checkpoint_step is not None]
    model = chat_address.asked_model()
    if not views and model is None:
        told = (
            "A run writes what it learned at the end, and with each checkpoint. Here it answers beside its base model."
        )
        empty_card("No tuned model to ask yet", told, "chat")
        return
    state = state_manager(services)
    found = _subject(services, views, model, state)
    if found is None:
        return
    table = _table(services, views, found[0], found[1], state)
    verdict = _look(services, state)
    _sidebar(services, state)

    def take_cpu() -> None:
        state.update_state(set_chat(replace(state.state.ui.chat, device="cpu")))

    consent(
        verdict,
        services.chat.status(),
        agree=partial(_agree, verdict),
        take_cpu=take_cpu,
        unload=partial(attempt, services.chat.unload),
    )
    section = st.segmented_control(
        "Section",
        [TALK, SETS],
        default=TALK,
        key="section",
        bind="query-params",
        label_visibility="collapsed",
    )
    if section == SETS:
        prompt_sets(services, table, lambda: not _look(services, state).asks)
        return
    _held_question(services, state, table, verdict)
    _input(services, state, table)
    talk(services, table, lambda: not _look(services, state).asks)  # last: it stays while answers are written


def _subject(
    services: Services, views: Sequence[RunView], model: str | None, state: StateManager
) -> tuple[Subject, Side] | None:
    """What the page is about, and who always answers."""
    if model is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Base model **{escape(model[:300])}**", width="content")
            if views:
                st.button("Ask a tuned model instead", key="chat-to-runs", on_click=open_view, args=("chat",))
        return Subject(model=model), Side()
    run_id = select_run(views, state.state.view.run_id, "Tuned model")
    state.update_state(open_run(run_id))
    chosen = next(view for view in views if view.id == run_id)
    if chosen.has_adapter:
        return Subject(run_id), Side(run_id)
    steps = services.playground.steps(run_id)
    if not steps:
        st.info("This run has no result yet, and no checkpoint with weights.", icon=":material/info:")
        return None
    return Subject(run_id), Side(run_id, steps[0])


def _table(services: Services, views: Sequence[RunView], subject: Subject, first: Side, state: StateManager) -> Table:
    settings = state.state.ui.chat
    sides, refused = chat_address.opened(subject, first, with_base=settings.is_base_shown)
    names = _names(services, views, subject, first, sides)
    st.multiselect(
        "Beside it",
        [address for address in names if address != first.address],
        key=chat_address.BESIDE,
        format_func=lambda address: names.get(address, address),
        max_selections=MOST_SIDES - 1,
        placeholder="Nothing; choose the base model, other results, or checkpoints",
        help="All of them come from the same base model, which is loaded once for adapters; a whole model is loaded "
        "anew when it is its turn. They answer one after another.",
    )
    if first.run_id is not None and chat_address.holds_base(sides) != settings.is_base_shown:
        settings = replace(settings, is_base_shown=not settings.is_base_shown)
        state.update_state(set_chat(settings))
    for text in refused:
        st.warning(f"{escape(text[:80])} in the address is no side, or one too many.", icon=":material/warning:")
    problems = side_problems(services, subject, tuple(sides))
    for problem in problems.values():
        warning_box(problem)
    kept = tuple(side for side in sides if side.address not in problems)
    return Table(subject, kept or (first,), names, settings)


def _names(
    services: Services, views: Sequence[RunView], subject: Subject, first: Side, sides: Sequence[Side]
) -> dict[str, str]:
    """By address, what may sit at the table: the base, checkpoints of those who do, and results on the same base."""
    known = {view.id: view for view in views}
    model = known[subject.run_id].run.base_model if subject.run_id is not None else subject.model
    same = [view for view in views if view.run.base_model == model][:MOST_OFFERED]
    uses = Counter(view.name for view in same)
    whole = {method.spec_name() for method in members(Method) if issubclass(method, WholeMethod)}
    names = {BASE: "Base model"}
    present = {side.run_id for side in sides} | {subject.run_id}
    for view in sorted(same, key=lambda one: one.id not in present):
        name = view.name if uses[view.name] == 1 else f"{view.name} ({view.id})"
        kind = ", whole model" if view.run.method in whole else ""
        if view.has_adapter:
            names[f"run:{view.id}"] = name + kind
        if view.id in present:
            names |= {
                Side(view.id, step).address: f"{name}, step {step:,}{kind}"
                for step in services.playground.steps(view.id)
            }
    return {first.address: first.address} | names | {s.address: s.address for s in sides if s.address not in names}


def _look(services: Services, state: StateManager) -> Verdict:
    """Whom the chat would disturb now, beyond those for whom this session has agreed."""
    return services.chat_place.look(state.state.ui.chat.device, noted(_AGREED) or ())


def _agree(verdict: Verdict) -> None:
    note(_AGREED, [*(noted(_AGREED) or ()), *(claim.run_id for claim in verdict.claims)])


def _input(services: Services, state: StateManager, table: Table) -> None:
    """The question is asked, or held if a run would be disturbed."""

    def submit() -> None:
        question = str(widget_value(_QUESTION) or "")
        if _look(services, state).asks:
            state.update_state(set_chat(replace(state.state.ui.chat, question=question)))
        else:
            attempt(services.chat_desk.ask, table, question)

    is_busy = services.chat_desk.rounds.look(table.subject.key) is not None
    words = {1: "Ask the model", 2: "Ask both"}.get(len(table.sides), f"Ask all {len(table.sides)}")
    st.chat_input(
        "Wait for the answers, or stop them" if is_busy else words,
        key=_QUESTION,
        max_chars=100_000,
        disabled=is_busy,
        on_submit=submit,
    )


def _held_question(services: Services, state: StateManager, table: Table, verdict: Verdict) -> None:
    """A question that was written while a run was in the way; kept over a reload."""
    settings = state.state.ui.chat
    if not settings.question:
        return

    def hold(question: str) -> None:
        state.update_state(set_chat(replace(state.state.ui.chat, question=question)))

    def ask() -> None:
        services.chat_desk.ask(table, str(widget_value(_HELD) or ""))
        hold("")

    with st.container(border=True, key="chat-held"):
        st.text_area(
            "Your question, not asked yet",
            settings.question,
            key=_HELD,
            max_chars=100_000,
            on_change=lambda: hold(str(widget_value(_HELD) or "")),
        )
        with st.container(horizontal=True):
            st.button(
                "Ask it now",
                type="primary",
                key="chat-ask-held",
                disabled=verdict.asks,
                help="First decide above whether the chat may disturb the run." if verdict.asks else None,
                on_click=attempt,
                args=(ask,),
            )
            st.button("Drop it", key="chat-drop-held", on_click=hold, args=("",))


def _sidebar(services: Services, state: StateManager) -> None:
    ui = state.state.ui

    def change(edit: Callable[[ChatSettings], ChatSettings]) -> None:
        state.update_state(set_chat(edit(state.state.ui.chat)))

    def keep(name: str) -> None:
        if name:
            state.update_state(keep_sampling(SamplingPreset(name, state.state.ui.chat)))
            say(f"This way of sampling is kept as {name}.")

    def drop(name: str) -> None:
        state.update_state(drop_sampling(name))

    with st.sidebar:
        st.subheader("Answers", anchor=False)
        sampling_form(ui.chat, ui.sampling_presets, change, keep, drop)
        st.subheader("Model", anchor=False)
        loading_form(ui.chat, change, has_gpu=services.chat_place.has_gpu())
        program_card(services.chat.status(), partial(attempt, services.chat.unload))
