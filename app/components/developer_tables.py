"""What the Developer page shows, as tables of plain cells."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from enum import Enum

import streamlit as st

from app.components.sizes import in_bytes
from backend.domain.application_state import ApplicationState
from backend.domain.events import Event
from backend.domain.incident import Incident
from backend.domain.provider_node import ProviderNode
from backend.services.data_cache import CacheStatistics
from backend.services.event_bus import Published
from backend.services.memory_monitor import MemoryUse
from backend.services.timings import DrawSummary


def draw_figures(
    memory: MemoryUse, num_drawing: int, num_remembered: int, fragments: Sequence[str], lately_seconds: float
) -> None:
    """Memory, sessions, fragments alive."""
    with st.grid(4, min_column_width=190):
        _figure("Memory of the dashboard", _size(memory.own_bytes), f"limit {in_bytes(memory.limit_bytes)}")
        _figure("Programs it started", _size(memory.children_bytes), "all together")
        _figure("Sessions that drew", f"{num_drawing:,}", f"{num_remembered:,} remembered")
        _figure("Fragments alive", f"{len(fragments):,}", "over all sessions")
    st.caption(f"Sessions and fragments count if they drew something in the last {lately_seconds:.0f} seconds.")
    for name, count in sorted(Counter(fragments).items()):
        st.text(f"{name}, in {count:,} {'session' if count == 1 else 'sessions'}")


def draw_incidents(incidents: Sequence[Incident]) -> None:
    """What failed and has not worked since, newest first."""
    st.header("Errors that are not over", anchor=False)
    st.caption("What failed in the last hour and has not worked since, also in tabs that were closed meanwhile.")
    if not incidents:
        st.text("None.")
        return
    rows = [
        {
            "Since": each.error.at,
            "Incident": each.id,
            "Error": each.error.id,
            "Operation": each.operation,
            "What": each.error.what,
        }
        for each in reversed(incidents)
    ]
    st.dataframe(rows, hide_index=True, alt="Open incidents")


def draw_timings(summaries: Sequence[DrawSummary]) -> None:
    """Durations of scripts on the server, the slowest first."""
    st.caption(
        "Seconds that scripts ran in this server, of the latest draws of all sessions. Fragments draw with their page "
        "and alone; a page's time holds that of its fragments."
    )
    rows = [
        {
            "What": each.name,
            "Kind": each.kind,
            "Draws": each.num_draws,
            "Median, ms": _milliseconds(each.median_seconds),
            "95 %, ms": _milliseconds(each.p95_seconds),
            "Longest, ms": _milliseconds(each.longest_seconds),
            "Last, s ago": round(each.age_seconds, 1),
        }
        for each in summaries
    ]
    if rows:
        st.dataframe(rows, hide_index=True, alt="How long draws took")
    else:
        st.caption("Nothing was drawn to its end yet; look again.")


def draw_events(events: Sequence[Published], num_published: int, num_subscriptions: int) -> None:
    """The latest events, newest first."""
    since = f"{num_published:,} events since the start, told to {num_subscriptions:,} handlers"
    st.caption(f"{since}; here are the latest {len(events):,}.")
    if events:
        rows = [
            {
                "Number": each.number,
                "At": each.at.isoformat(timespec="milliseconds"),
                "Event": type(each.event).__name__,
                "With": _facts(each.event),
            }
            for each in reversed(events)
        ]
        st.dataframe(rows, hide_index=True, alt="The latest events")
    else:
        st.info("Nothing has happened yet. Start, rename or delete a run to see events.", icon=":material/bolt:")


def draw_state(state: ApplicationState) -> None:
    """This session's state as a tree."""
    st.caption("What this browser session keeps; view, draft and preferences outlive the tab.")
    st.json(plain(state), expanded=2)


def draw_providers(nodes: Sequence[ProviderNode]) -> None:
    """Who is given what by the container."""
    num_built = sum(node.is_built for node in nodes)
    st.caption(f"{len(nodes):,} providers, of which {num_built:,} have been asked for and are built.")
    rows = [
        {"Provider": node.name, "Built": node.is_built, "Made by": node.kind, "Is given": ", ".join(node.given)}
        for node in nodes
    ]
    st.dataframe(rows, hide_index=True, alt="Providers of the container", height="content")


def draw_caches(caches: Mapping[str, CacheStatistics]) -> None:
    """How the caches have done."""
    rows = [
        {
            "Cache": name.replace("_", " "),
            "Entries": each.num_entries,
            "At most": each.max_entries,
            "Hits": each.hits,
            "Misses": each.misses,
            "Hit rate, %": round(100 * each.hits / (each.hits + each.misses), 1) if each.hits + each.misses else None,
            "Invalidations": each.invalidations,
        }
        for name, each in caches.items()
    ]
    st.dataframe(rows, hide_index=True, alt="How the caches have done")


def plain(value: object) -> object:
    """A value of our own as built-in ones, for st.json."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, Enum):
        return value.value
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _facts(event: Event) -> str:
    return ", ".join(f"{name}={plain(value)}" for name, value in asdict(event).items())


def _figure(label: str, value: str, about: str) -> None:
    st.metric(label, value, delta=about, delta_color="off", delta_arrow="off", border=True, height="stretch")


def _size(size_bytes: int | None) -> str:
    return "not measured" if size_bytes is None else in_bytes(size_bytes)


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
