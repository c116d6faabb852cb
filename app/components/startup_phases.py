"""What starting the dashboard took."""

import streamlit as st

from backend.services.startup import StartupStatus


def draw_startup(status: StartupStatus) -> None:
    """The total against its budget, and each phase."""
    if status.total_seconds is None:
        st.caption("The dashboard is still starting, or was started without its server.")
    else:
        verdict = "within" if status.is_within_budget else "over"
        st.badge(
            f"{status.total_seconds:.2f} s, {verdict} the budget of {status.budget_seconds:.0f} s",
            icon=":material/timer:",
            color="green" if status.is_within_budget else "orange",
        )
    if status.phases:
        st.dataframe(
            {
                "Phase": [phase.name for phase in status.phases],
                "Seconds": [phase.seconds for phase in status.phases],
                "Error": [phase.error for phase in status.phases],
            },
            hide_index=True,
            column_config={"Seconds": st.column_config.NumberColumn(format="%.3f")},
            alt="Phases of starting the dashboard, in seconds",
        )
