"""Datasets of the Hugging Face hub, fetched into its own cache and read from there."""

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from backend.data.choice import DatasetPart
from backend.data.errors import (
    DatasetHubDiskFull,
    DatasetHubGated,
    DatasetHubIncomplete,
    DatasetHubInsecure,
    DatasetHubMissing,
    DatasetHubOffline,
    DatasetHubProgram,
    DatasetHubProxyRefused,
    DatasetHubRateLimited,
    DatasetHubRevisionMissing,
    DatasetHubServerFailed,
    DatasetHubTimedOut,
    DatasetHubUnauthorised,
    DatasetHubUnreachable,
)
from backend.data.readers.batches import BATCH_ROWS, rows_of
from backend.data.rows import Row, RowProblem
from backend.errors import DataError
from backend.network.failures import FailureKind
from backend.network.reading import read_failure
from backend.network.retrying import Retrying

DEFAULT_SPLIT = "train"


class HubSource:
    """One split of a hub dataset, at the commit that its revision means now.

    Without a connection the copy in the hub's cache is read, if there is one. Never runs code of the dataset.
    """

    def __init__(self, part: DatasetPart, check: Callable[[], None] = lambda: None) -> None:
        """`check` is called while waiting before another attempt; what it raises ends the fetch."""
        self._part = part
        self._check = check
        self._dataset: Any = None
        self._commit = ""

    @property
    def name(self) -> str:
        """As the order names it."""
        return self._part.path

    @property
    def size_bytes(self) -> int:
        """Of the copy in the hub's cache."""
        return sum(os.path.getsize(file["filename"]) for file in self._fetched().cache_files)  # noqa: PTH202

    def fingerprint(self) -> str:
        """Of name, configuration, split and commit. Raises the errors of the hub, as everything here."""
        self._fetched()
        asked = (self._part.hub_id, self._part.subset, self._part.split or DEFAULT_SPLIT, self._commit)
        return hashlib.sha256(repr(asked).encode()).hexdigest()

    def rows(self) -> Iterator[Row | RowProblem]:
        """Rows from 1; the copy is memory-mapped."""
        dataset, number = self._fetched().with_format("arrow"), 0
        for start in range(0, len(dataset), BATCH_ROWS):
            table = dataset[start : start + BATCH_ROWS]
            for batch in table.combine_chunks().to_batches():
                yield from rows_of(batch, number)
                number += batch.num_rows

    def _fetched(self) -> Any:  # noqa: ANN401 - a datasets.Dataset
        if self._dataset is None:
            try:
                fetched = patience(self._check).call(lambda: _fetch(self._part), read_failure)
                self._dataset, self._commit = fetched
            except Exception as error:
                explained = explain(self._part, error)
                if explained is None:
                    raise
                raise explained from error
        return self._dataset


def _fetch(part: DatasetPart) -> tuple[Any, str]:
    """The dataset of a split and its commit. `datasets` 5 has no code of datasets to run."""
    from datasets import load_dataset_builder

    builder = load_dataset_builder(part.hub_id, name=part.subset, revision=part.revision)
    builder.download_and_prepare()
    return builder.as_dataset(split=part.split or DEFAULT_SPLIT), f"{builder.config.name} {builder.hash}"


def explain(part: DatasetPart, error: BaseException) -> DataError | None:
    """What a failure of `datasets` means; None for what is no fault of the hub or the order."""
    reason = str(error).strip().partition("\n")[0].removesuffix(".")[:300] or type(error).__name__
    if "scripts are no longer supported" in reason:
        return DatasetHubProgram(path=part.path, reason=reason)
    failure = read_failure(error)
    if failure is not None:
        return _ERRORS[failure.kind](path=part.path, reason=reason)
    if isinstance(error, ValueError | KeyError | FileNotFoundError):  # no such part of it
        return DatasetHubMissing(path=part.path, reason=reason)
    return None


def patience(check: Callable[[], None]) -> Retrying:
    """How often and how long a fetch is tried again; `check` raises when somebody asked to stop."""
    return Retrying.watched(check)


_ERRORS: dict[FailureKind, type[DataError]] = {
    FailureKind.OFFLINE: DatasetHubOffline,
    FailureKind.UNREACHABLE: DatasetHubUnreachable,
    FailureKind.TIMEOUT: DatasetHubTimedOut,
    FailureKind.INSECURE: DatasetHubInsecure,
    FailureKind.PROXY: DatasetHubProxyRefused,
    FailureKind.RATE_LIMITED: DatasetHubRateLimited,
    FailureKind.SERVER: DatasetHubServerFailed,
    FailureKind.MISSING: DatasetHubMissing,
    FailureKind.REVISION: DatasetHubRevisionMissing,
    FailureKind.GATED: DatasetHubGated,
    FailureKind.UNAUTHORISED: DatasetHubUnauthorised,
    FailureKind.DISK_FULL: DatasetHubDiskFull,
    FailureKind.INCOMPLETE: DatasetHubIncomplete,
}
