"""The memory of the dashboard, in one line."""

from app.components.sizes import in_bytes
from backend.services.memory_monitor import MemoryUse


def memory_line(use: MemoryUse) -> str:
    """What was measured, and whether it is more than it should be."""
    if use.own_bytes is None:
        return "The memory of the dashboard cannot be measured here."
    children = "" if use.children_bytes is None else f", the programs it has started {in_bytes(use.children_bytes)}"
    line = f"The dashboard takes {in_bytes(use.own_bytes)} of memory{children}."
    if use.is_above_limit:
        line += f" That is more than {in_bytes(use.limit_bytes)}: restarting the dashboard frees it and stops no run."
    return line
