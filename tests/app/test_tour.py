"""The tour on every page: what it says, where it leads, and that it can be left and begun again."""

from streamlit.testing.v1 import AppTest

from backend.containers import StudioContainer
from backend.domain.actions import begin_tour, go_on_tour
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.domain.tour import Tour, TourStep
from backend.services.bundle import Services
from config.demo import DEMO_QUESTION
from tests.app.conftest import open_page
from tests.fakes.told_runs import add_run


def on_tour(services: Services, step: TourStep, run_id: str = "demo-run") -> None:
    """As a browser left it that was closed meanwhile."""
    manager = services.states.of("an earlier session")
    manager.update_state(begin_tour(run_id))
    for one in TourStep:
        if manager.state.ui.tour.step is not step:
            manager.update_state(go_on_tour(one))


def a_demo(studio: StudioContainer, state: RunState = RunState.FINISHED, wish: Wish = Wish.STOP) -> None:
    run = add_run(studio, "demo-run", state=state, wish=wish)
    if state is RunState.FINISHED:
        adapter = RunDirectory(run.run_dir).adapter
        adapter.mkdir()
        (adapter / "adapter_model.safetensors").write_bytes(b"")


def tour_of(services: Services, at: AppTest) -> Tour:
    return services.states.of(at.session_state["studio-session-id"]).state.ui.tour


def said(at: AppTest) -> str:
    return "\n".join(text.value for text in at.main.markdown)


def links(at: AppTest) -> list[tuple[str, str]]:
    return [(link.proto.label, link.proto.query_string) for link in at.get("page_link")]


def test_without_a_tour_no_page_speaks_of_it(studio: StudioContainer, services: Services) -> None:
    a_demo(studio)
    assert "Tour, step" not in said(open_page("monitor", run="demo-run"))


def test_while_the_demo_trains_the_way_on_is_shown_and_not_yet_open(
    studio: StudioContainer, services: Services
) -> None:
    a_demo(studio, RunState.RUNNING, Wish.RUN)
    on_tour(services, TourStep.WATCH)
    at = open_page("monitor", run="demo-run")
    assert "Tour, step 1 of 3: Watch it learn" in said(at)
    assert "surprise" in said(at)
    assert at.button(key="tour-watch").disabled


def test_from_the_finished_run_to_the_question_to_ones_own_file_and_the_end(
    studio: StudioContainer, services: Services
) -> None:
    a_demo(studio)
    on_tour(services, TourStep.WATCH)
    at = open_page("monitor", run="demo-run")
    assert "It has finished" in said(at)
    at.button(key="tour-watch").click().run()
    assert (at.title[0].value, at.query_params["run"]) == ("Chat", "demo-run")
    assert DEMO_QUESTION in [code.value for code in at.code]
    at.button(key="tour-ask").click().run()
    assert at.title[0].value == "Train"
    draft = services.states.of(at.session_state["studio-session-id"]).state.training.draft
    assert draft["base_model"]["path"] == "demo"
    assert "dataset" not in draft
    at.button(key="tour-own").click().run()
    assert tour_of(services, at) == Tour(TourStep.OFF, "demo-run")
    assert "Tour, step" not in said(at)


def test_a_form_that_was_begun_is_left_as_it_is(studio: StudioContainer, services: Services) -> None:
    a_demo(studio)
    on_tour(services, TourStep.ASK)
    at = open_page("chat", run="demo-run")
    manager = services.states.of(at.session_state["studio-session-id"])
    from backend.domain.actions import replace_draft

    manager.update_state(replace_draft({"name": "mine"}))
    at.button(key="tour-ask").click().run()
    assert manager.state.training.draft["name"] == "mine"


def test_other_pages_lead_back_and_the_tour_can_be_ended_there(studio: StudioContainer, services: Services) -> None:
    a_demo(studio)
    on_tour(services, TourStep.WATCH)
    at = open_page("machine")
    assert ("Go on with the tour", "run=demo-run") in links(at)
    at.button(key="tour-end").click().run()
    assert not tour_of(services, at).is_on
    assert "Tour, step" not in said(at)


def test_ones_own_run_ends_the_tour(studio: StudioContainer, services: Services) -> None:
    a_demo(studio)
    add_run(studio, "my-run", state=RunState.RUNNING, wish=Wish.RUN)
    on_tour(services, TourStep.OWN)
    at = open_page("monitor", run="my-run")
    assert "a run of your own" in said(at)
    at.button(key="tour-own").click().run()
    assert not tour_of(services, at).is_on


def test_a_demo_that_stopped_or_is_gone_is_explained(studio: StudioContainer, services: Services) -> None:
    a_demo(studio, RunState.STOPPED)
    on_tour(services, TourStep.WATCH)
    assert "came to rest" in said(open_page("monitor", run="demo-run"))
    on_tour(services, TourStep.WATCH, "no-such-run")
    assert ("Go on with the tour", "run=no-such-run") in links(open_page("monitor", run="demo-run"))


def test_the_tour_can_be_taken_again_and_joins_a_demo_that_trains(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "demo-run", state=RunState.RUNNING, wish=Wish.RUN, name="demo", base_model="demo")
    at = open_page()
    at.button(key="home-tour").click().run()
    assert not at.exception
    assert tour_of(services, at) == Tour(TourStep.WATCH, "demo-run")
    assert len(services.status.list()) == 1
