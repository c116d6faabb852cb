"""How long a run takes is told from runs of the same shape only."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.domain.measured_time import is_alike, measured
from backend.domain.run import Attempt
from backend.domain.states import RunState
from backend.services.run_times import RunTimes
from backend.store.errors import RunNotFound
from tests.fakes.clock import FakeClock
from tests.fakes.run_configs import a_config
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, a_run

MINUTE = Attempt(1, "token", NOON, ended_at=NOON + timedelta(seconds=60), exit_code=0, last_step=120)


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"training": {"learning_rate": 1.0, "seed": 3, "max_steps": 9}}, True),
        ({"name": "other", "guards": {"divergence": "stop"}}, True),
        ({"training": {"batch_size": 8}}, False),
        ({"training": {"eval_steps": 1}}, False),
        ({"method": {"name": "lora", "rank": 9}}, False),
        ({"dataset": "other.jsonl"}, False),
    ],
)
def test_what_costs_the_same_is_alike(changes: dict[str, Any], is_same: bool) -> None:
    assert is_alike(a_config(), a_config(**changes)) is is_same


def test_one_whole_attempt_is_a_measure_and_others_are_not() -> None:
    found = measured("a run", [MINUTE])
    assert found is not None
    assert (found.num_steps, found.seconds, found.estimate(240)) == (120, 60.0, 120.0)
    assert measured("", [MINUTE, MINUTE]) is None
    assert measured("", []) is None
    assert measured("", [Attempt(1, "token", NOON)]) is None


class Orders:
    """What runs were told, by id; those without are gone."""

    def __init__(self, **configs: Any) -> None:
        self.configs = configs
        self.read: list[str] = []

    def order(self, run_id: str) -> Any:
        self.read.append(run_id)
        if run_id not in self.configs:
            raise RunNotFound(run_id=run_id)
        return self.configs[run_id]


def test_the_newest_finished_run_of_the_same_shape_is_taken(tmp_path: Path) -> None:
    store = FakeRunStore(FakeClock())
    same = {"method": "lora", "base_model": "demo", "dataset": "sample:demo.jsonl", "attempts": (MINUTE,)}
    ids = ("oldest", "older", "other", "gone", "dora", "failed")
    for number, run_id in enumerate(ids):
        state = RunState.FAILED if run_id == "failed" else RunState.FINISHED
        facts = same | ({"method": "dora"} if run_id == "dora" else {})
        store.create(a_run(run_id, name=run_id, state=state, created_at=NOON + timedelta(hours=number), **facts))
    orders = Orders(oldest=a_config(), older=a_config(), other=a_config(training={"batch_size": 9}))
    found = RunTimes(store, orders).of(a_config(training={"seed": 7}), tmp_path)  # type: ignore[arg-type]
    assert found is not None
    assert found.run_name == "older"
    assert orders.read == ["gone", "other", "older"]
    assert RunTimes(store, orders).of(a_config(method="ia3"), tmp_path) is None  # type: ignore[arg-type]
