"""Datasets of the Hugging Face hub, fetched into its own cache and read from there."""

import hashlib
import os
from collections.abc import Iterator
from typing import Any

from backend.data.choice import DatasetPart
from backend.data.errors import (
    DatasetHubGated,
    DatasetHubMissing,
    DatasetHubOffline,
    DatasetHubProgram,
    DatasetHubUnauthorised,
)
from backend.data.readers.batches import BATCH_ROWS, rows_of
from backend.data.rows import Row, RowProblem
from backend.errors import DataError

DEFAULT_SPLIT = "train"
UNAUTHORISED = 401


class HubSource:
    """One split of a hub dataset, at the commit that its revision means now.

    Without a connection the copy in the hub's cache is read, if there is one. Never runs code of the dataset.
    """

    def __init__(self, part: DatasetPart) -> None:
        self._part = part
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
                self._dataset, self._commit = _fetch(self._part)
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
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub.errors import (  # noqa: PLC0415 - most datasets are files
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RevisionNotFoundError,
    )

    reason = str(error).strip().partition("\n")[0].removesuffix(".")[:300] or type(error).__name__
    chain = list(_chain(error))
    status = next((_status(each) for each in chain if isinstance(each, HfHubHTTPError)), None)
    is_missing = any(isinstance(each, DatasetNotFoundError | RevisionNotFoundError) for each in chain)
    is_offline = any(isinstance(each, ConnectionError | OfflineModeIsEnabled | TimeoutError) for each in chain)
    meanings: tuple[tuple[bool, type[DataError]], ...] = (
        ("scripts are no longer supported" in reason, DatasetHubProgram),
        (any(isinstance(each, GatedRepoError) for each in chain), DatasetHubGated),
        (status == UNAUTHORISED, DatasetHubUnauthorised),
        (is_missing, DatasetHubMissing),
        (is_offline or status is not None, DatasetHubOffline),
        (isinstance(error, ValueError | KeyError | FileNotFoundError), DatasetHubMissing),  # no such part of it
    )
    meant = next((meaning for is_meant, meaning in meanings if is_meant), None)
    return None if meant is None else meant(path=part.path, reason=reason)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: Any) -> int | None:  # noqa: ANN401 - an HfHubHTTPError
    code = getattr(getattr(error, "response", None), "status_code", None)
    return code if isinstance(code, int) else None
