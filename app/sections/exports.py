"""What the result of a run was turned into for other programs, and turning it into more."""

from collections.abc import Mapping

import streamlit as st

from app.components.export_box import export_form, export_job, export_list
from app.notices import attempt, draw_again, say
from app.watching import watched
from backend.services.bundle import Services

REFRESH_SECONDS = 1.0


def exporting_pace(services: Services, run_id: str) -> float | None:
    """How often a page has to be drawn again for an export that is at work, in seconds; None for never."""
    return REFRESH_SECONDS if services.exports.is_busy(run_id) else None


def still_exports(services: Services, run_id: str, place: str) -> None:
    """The same for pages that do not tick: one that is at work is waited for, as long as a page may wait."""
    job = services.exports.last(run_id)
    if job is not None:
        watched("Exporting", lambda: job, job.wait, lambda found: int(found.is_running))
    exports(services, run_id, place, is_ticking=False)


def exports(services: Services, run_id: str, place: str, *, is_ticking: bool) -> None:
    """Draw them; a page that ticks for an export is drawn again when that is over."""
    found = services.exports
    is_busy = found.is_busy(run_id)
    if is_ticking and not is_busy:
        draw_again()

    def start(kind: str, knobs: Mapping[str, object], name: str) -> None:
        attempt(lambda: found.start(run_id, found.exporter(kind, knobs), name))

    def delete(name: str) -> None:
        attempt(_delete, services, run_id, name)

    st.caption("Files that other programs load. Each is verified after it was written; the run itself stays as it is.")
    export_form(found.offers(run_id), place, start, is_busy=is_busy)
    export_job(found.last(run_id))
    export_list(found.look(run_id), place, delete)


def _delete(services: Services, run_id: str, name: str) -> None:
    place = services.exports.delete(run_id, name)
    say(f"The export is now in {place}.")
