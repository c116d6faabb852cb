"""AdviceDesk: who advises on an order before it is started."""

from dataclasses import dataclass

from backend.services.fit_advisor import FitAdvisor
from backend.services.row_lengths import RowLengths
from backend.services.run_estimates import RunEstimates
from backend.services.smart_defaults import SmartDefaults


@dataclass(frozen=True, slots=True)
class AdviceDesk:
    """What fits, what suits, how long rows are, and what a run may take of time and energy."""

    fit: FitAdvisor
    defaults: SmartDefaults
    lengths: RowLengths
    estimates: RunEstimates
