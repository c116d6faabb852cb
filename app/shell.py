"""The shell: the menu, what every page has, then the view inside one error frame."""

import logging

import streamlit as st

from app.components.activity import activity_badge
from app.components.desktop_notices import desktop_notices
from app.components.error_box import warning_box
from app.components.markdown_escape import escape
from app.components.page_watch import page_watch
from app.components.start_failed import start_failed
from app.components.wordmark import MARK, WORDMARK
from app.endings import tell_of_endings
from app.frame import error_frame
from app.links import note_pages
from app.marks import MarkKind, mark_of
from app.navigation import MENU, View, menu
from app.notices import draw_notices
from app.runtime import get_services, get_timings
from app.session import count, count_up, session_id, state_manager
from app.tour import show_tour
from backend.domain.actions import navigate, see_runs
from backend.errors import StudioError
from backend.services.bundle import Services
from backend.services.timings import PAGE

RESTART_TOLD = "studio-restart-told"


def render() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_title="PEFT Studio", page_icon=MARK, layout="wide")
    st.logo(WORDMARK, size="large")
    note_pages(())
    with error_frame("open the dashboard"):
        try:
            services = get_services()
        except StudioError as error:
            logging.getLogger(__name__).exception("The services could not be built.")
            start_failed(error.explain())
            return
        views = menu(services)
        pages = {view.url_path: _page(view, services) for view in views}
        chosen = st.navigation(list(pages.values()))
        note_pages(tuple(pages))
        current = next(view for view in views if pages[view.url_path] is chosen)
        with get_timings().measure(PAGE, current.url_path, session_id()):
            _draw(services, current, chosen)


def _page(view: View, services: Services) -> st.Page:
    def draw() -> None:
        with error_frame(f"draw {view.url_path}"):
            view.render(services)

    return st.Page(
        draw,
        title=escape(view.title),
        icon=view.icon,
        url_path=view.url_path,
        help=escape(view.help),
        default=view is MENU[0],
        visibility="visible" if view.is_listed(services) else "hidden",
    )


def _draw(services: Services, view: View, page: st.Page) -> None:
    """What every page has, then the view; not the view if the former failed, since most would fail in the same way."""
    is_sound = False
    with error_frame("draw what every page has"):
        _surroundings(services, view)
        is_sound = True
    if is_sound or view.stands_alone:
        page.run()


def _surroundings(services: Services, view: View) -> None:
    """What every page has besides its view."""
    st.set_page_config(page_title=f"{view.title} - PEFT Studio")
    state = state_manager(services)
    state.update_state(navigate(view.url_path))
    state.update_state(see_runs(services.status.version()))
    is_notified = services.settings.current().desktop_notifications
    mark = mark_of(services, MarkKind.ENDINGS).text if is_notified else ""
    active = services.status.active()
    with st.sidebar:
        activity_badge(active)
    _tell_of_restart(services)
    told = tell_of_endings(active, services.status.list)
    if is_notified:
        with st.sidebar:
            desktop_notices(told)
            page_watch(MarkKind.ENDINGS, mark)
    draw_notices()
    show_tour(services, view.url_path)
    if state.save_error is not None:
        warning_box(state.save_error.explain())


def _tell_of_restart(services: Services) -> None:
    """Once per session, in the corner: pages reload by themselves when the launcher has started a new server."""
    if not count(RESTART_TOLD):
        count_up(RESTART_TOLD)
        if sentence := services.engine.sentence():
            st.toast(escape(sentence), icon=":material/restart_alt:", duration="long")
