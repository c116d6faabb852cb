"""Datasets that cannot be read or trained on."""

from backend.errors import DataError


class DatasetNotFound(DataError):
    """No such file."""

    id = "dataset-not-found"
    what = "The dataset {path} was not found."
    why = "{reason}."
    fix = "Give the path of a file that exists, or sample:NAME for a shipped one."


class DatasetNotAFile(DataError):
    """A folder, device or pipe."""

    id = "dataset-not-a-file"
    what = "The dataset {path} is not a regular file."
    why = "It is {kind}; reading it could go on for ever or run something."
    fix = "Give a .jsonl, .json, .csv, .tsv, .parquet or .txt file."


class DatasetKindUnknown(DataError):
    """A file ending that nothing here reads."""

    id = "dataset-kind-unknown"
    what = "The dataset {path} cannot be read."
    why = "Its ending {suffix} is not one of {known}."
    fix = "Convert it, or rename it if it is one of these."


class DatasetUnreadable(DataError):
    """A file that is not what its ending says."""

    id = "dataset-unreadable"
    what = "The dataset {path} cannot be read."
    why = "{reason}."
    fix = "Write it again as UTF-8 text or as a whole Parquet file."


class DatasetEmpty(DataError):
    """Nothing to train on."""

    id = "dataset-empty"
    what = "The dataset {path} has no rows."
    why = "{reason}."
    fix = "Give a file with at least two rows, so that one can be held out."


class DatasetFormatUnknown(DataError):
    """Columns that fit no format."""

    id = "dataset-format-unknown"
    what = "The format of the dataset {path} was not recognised."
    why = "Its columns are {columns}."
    fix = "Name the format, and the columns that play its parts (dataset.format, dataset.columns)."


class DatasetBroken(DataError):
    """Rows that cannot be trained on."""

    id = "dataset-broken"
    what = "{count} of {total} rows of the dataset {path} cannot be used."
    why = "{rows}."
    fix = "Correct or remove these rows."
