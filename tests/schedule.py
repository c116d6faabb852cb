"""How two processes share the tests: the longest files first, and what shares costly runs stays together."""

from collections import defaultdict
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# files or folders; what is named earlier starts earlier, so that nobody waits at the end for one long file
LONGEST_FIRST = (
    "tests/training/test_demo_run.py",  # builds a model that acceptance tests use
    "tests/acceptance",
    "tests/property/test_exact_resume.py",
    "tests/training/test_methods.py",
    "tests/training/test_exact_resume.py",
    "tests/training",
    "tests/browser/test_first_run.py",  # trains twice; the demo model is there by now
    "tests/browser/test_axe.py",
    "tests/process/test_faults.py",
    "tests/process",
    "tests/browser",
    "tests/property",
    "tests/app",
    "tests/contract",
)
# what serves several files is built once per process
TOGETHER = (("tests/training/test_demo_run.py", "tests/acceptance/"),)
NUM_SLOWEST = 10


def rank(nodeid: str) -> int:
    """The place of a test among all; its neighbours in a file have the same."""
    return next((i for i, prefix in enumerate(LONGEST_FIRST) if nodeid.startswith(prefix)), len(LONGEST_FIRST))


def group(nodeid: str) -> str:
    """Tests of one group are run by one process."""
    together = next((prefixes for prefixes in TOGETHER if nodeid.startswith(prefixes)), None)
    return together[0] if together else nodeid.split("::", maxsplit=1)[0]


class LongestFirst(LoadFileScheduling):
    """Hands out groups in the order in which the tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def slowest_files(seconds: dict[str, float]) -> list[str]:
    """A line each for the files that took longest."""
    longest = sorted(seconds.items(), key=lambda found: -found[1])[:NUM_SLOWEST]
    return [f"{taken:7.1f} s  {file}" for file, taken in longest]


def seconds_by_file(stats: dict[str, list[Any]]) -> dict[str, float]:
    """How long the tests of each file took, with all that they needed."""
    seconds: dict[str, float] = defaultdict(float)
    for reports in stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.split("::")[0]] += report.duration
    return seconds
