"""What counts as a double start, and how trials become rows."""

from scripts.benchmarks.faults.report import row, sums
from scripts.benchmarks.faults.trial import Fault, Recovery, Trial, double_starts, spread

FAULT = Fault("killed", "kill -9 of the trainer", lambda scene: "")


def a_step(pid: int, at: float) -> dict[str, float]:
    return {"attempt": 1, "step": 1, "pid": pid, "at": at}


def test_trainers_that_follow_one_another_are_no_double_start() -> None:
    assert double_starts([a_step(1, 0.0), a_step(1, 1.0), a_step(2, 1.1), a_step(2, 2.0)]) == 0


def test_trainers_that_work_at_the_same_time_are_one() -> None:
    assert double_starts([a_step(1, 0.0), a_step(2, 0.5), a_step(1, 1.0), a_step(2, 2.0)]) == 1


def test_times_are_told_as_median_late_and_worst() -> None:
    assert spread([]) == "-"
    assert spread([1.0]) == "1.00"
    assert spread([float(n) for n in range(1, 101)]) == "50.50 / 95.00 / 100.00"


def test_a_row_says_how_often_it_passed_and_what_the_person_sees() -> None:
    good = Trial("killed", recoveries=[Recovery(0.1, 0.4)], sees="killed | by SIGKILL")
    bad = Trial("killed", problems=["two steps are missing"])
    assert row(FAULT, [good, bad]) == "| kill -9 of the trainer | 1 of 2 | 0.10 | 0.40 | killed / by SIGKILL |"


def test_what_could_not_be_done_here_says_why_and_counts_neither_way() -> None:
    trial = Trial("killed", not_run="mount was refused")
    assert "not run: mount was refused" in row(FAULT, [trial])
    assert sums([trial])[0] == "* faults: 0 of 0 trials passed"


def test_the_sums_tell_kills_weights_and_leftovers() -> None:
    trial = Trial("killed", num_runs=2, num_finished=2, num_compared=2, num_equal=1, num_kills=3, num_orphans=1)
    told = "\n".join(sums([trial]))
    assert "2 of 2 runs finished after 3 kill -9" in told
    assert "equal to the undisturbed run: 1 of 2" in told
    assert "orphans: 1, zombies: 0" in told
