"""Processes that records what it was asked, and starts nothing."""


class FakeProcesses:
    """`started` lists run ids in order; `reconciled` counts; the first `failures` calls of it raise."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.reconciled = 0
        self.failures = 0

    def start(self, run_id: str) -> bool:
        self.started.append(run_id)
        return True

    def reconcile(self) -> object:
        self.reconciled += 1
        if self.reconciled <= self.failures:
            raise RuntimeError("whatever nobody thought of")
        return None
