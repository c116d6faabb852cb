"""Datasets that cannot be read or trained on."""

from backend.errors import EXIT_IO, EXIT_UNAVAILABLE, DataError, StorageError


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
    fix = "Give a .jsonl, .json, .csv, .tsv, .parquet, .arrow or .txt file, or a folder of them."


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


class DatasetKindUnsuitable(DataError):
    """A format whose rows the recipe cannot learn from."""

    id = "dataset-kind-unsuitable"
    what = "The recipe cannot learn from the dataset {path}."
    why = "Its format {format} gives rows of the kind {given}; the recipe reads {wanted}."
    fix = "Use a recipe that reads {given} rows, or rows in one of the formats {fitting}."


class DatasetExpands(DataError):
    """A compressed file that grows without measure."""

    id = "dataset-expands"
    what = "The compressed dataset {path} was not read to its end."
    why = "It expands to more than {limit:,} bytes from {size:,}, which no text does."
    fix = "Decompress it yourself if you trust it, and give the decompressed file."


class DatasetChanging(DataError):
    """A file that was written to while it was read."""

    id = "dataset-changing"
    what = "The dataset {path} changed while it was read."
    why = "Its size or time of change is not what it was at the beginning."
    fix = "Wait until it is written, then start again."


class DatasetElsewhere(DataError):
    """A hub dataset, which only a run or the command line looks into."""

    id = "dataset-on-the-hub"
    what = "The dataset {path} is on the hub."
    why = "It is looked at when the run starts: the dashboard fetches nothing."
    fix = "Start the run, or download it and give its folder."


class DatasetHubOffline(DataError):
    """The hub could not be asked, and the dataset is not in its cache."""

    id = "dataset-hub-offline"
    what = "The dataset {path} could not be fetched from the hub."
    why = "The hub cannot be reached and no copy is on this machine ({reason})."
    fix = "Check the network and PEFT_STUDIO_HUB_OFFLINE, or download the dataset and give its folder."
    exit_code = EXIT_UNAVAILABLE


class DatasetHubUnreachable(DatasetHubOffline):
    """There is no line to the hub."""

    id = "dataset-hub-unreachable"


class DatasetHubTimedOut(DatasetHubOffline):
    """The hub did not answer in time."""

    id = "dataset-hub-timed-out"
    why = "The hub did not answer in time ({reason})."
    fix = "Try again; on a slow line raise HF_HUB_DOWNLOAD_TIMEOUT and HF_HUB_ETAG_TIMEOUT."


class DatasetHubInsecure(DatasetHubOffline):
    """Whoever answered could not prove to be the hub."""

    id = "dataset-hub-connection-insecure"
    why = "The connection is not safe ({reason})."
    fix = "Correct the clock of this machine; behind a proxy that reads along, name its certificates in SSL_CERT_FILE."


class DatasetHubProxyRefused(DatasetHubOffline):
    """A proxy stands between, and does not let us through."""

    id = "dataset-hub-proxy-refused"
    why = "The proxy refused ({reason})."
    fix = "Check HTTPS_PROXY and its user and password, or add the hub to NO_PROXY."


class DatasetHubServerFailed(DatasetHubOffline):
    """The hub itself has a problem."""

    id = "dataset-hub-server-failed"
    why = "The hub failed ({reason})."
    fix = "Try again later. The state of the hub: https://status.huggingface.co"


class DatasetHubRateLimited(DatasetHubOffline):
    """Too many requests from here."""

    id = "dataset-hub-rate-limited"
    why = "The hub says that there were too many requests from here ({reason})."
    fix = "Wait some minutes, then try again; with HF_TOKEN set more requests are allowed."


class DatasetHubDiskFull(DataError):
    """The disk of the hub's cache is full."""

    id = "dataset-hub-disk-full"
    what = "The dataset {path} does not fit on the disk of the hub's cache."
    why = "{reason}."
    fix = "Make room, or set HF_HOME to a folder on a larger disk."
    exit_code = EXIT_IO


class DatasetHubIncomplete(DataError):
    """A file of the dataset is cut off or damaged."""

    id = "dataset-hub-incomplete"
    what = "The dataset {path} was fetched, but a file of it is incomplete or damaged."
    why = "{reason}."
    fix = "Delete its folder in the hub's cache, and start again: it is then fetched anew."


class DatasetHubMissing(DataError):
    """No such dataset, revision, configuration or split."""

    id = "dataset-hub-missing"
    what = "The hub has no such dataset: {path}."
    why = "It said: {reason}."
    fix = "Check dataset.path, subset, split and revision on the dataset's page."


class DatasetHubRevisionMissing(DatasetHubMissing):
    """The dataset is there, but not this branch, tag or commit of it."""

    id = "dataset-hub-revision-missing"
    what = "The dataset {path} has no such revision."
    fix = "Name a branch, tag or commit that its page shows under Files, or leave dataset.revision out."


class DatasetHubGated(DataError):
    """A dataset whose owner asks for consent first."""

    id = "dataset-hub-gated"
    what = "The dataset {path} is gated."
    why = "Its owner lets only people in who agreed to conditions on its page: {reason}."
    fix = "Ask for access on the dataset's page, then set HF_TOKEN to your token."


class DatasetHubUnauthorised(DataError):
    """The hub wants to know who asks."""

    id = "dataset-hub-unauthorised"
    what = "The hub does not show the dataset {path} to strangers."
    why = "No valid token was sent: {reason}."
    fix = "Set HF_TOKEN to a token that may read it."


class DatasetHubProgram(DataError):
    """A dataset that is a program."""

    id = "dataset-hub-program"
    what = "The hub dataset {path} is a script, which is never run."
    why = "{reason}."
    fix = "Use its Parquet conversion, with revision: refs/convert/parquet, or another dataset."


class DatasetBroken(DataError):
    """Rows that cannot be trained on."""

    id = "dataset-broken"
    what = "{count} of {total} rows of the dataset {path} cannot be used."
    why = "{rows}."
    fix = "Correct or remove these rows."


class CacheNotWritten(StorageError):
    """The prepared rows could not be kept."""

    id = "cache-not-written"
    what = "The prepared rows could not be written to {folder}."
    why = "{reason}."
    fix = "Free some space or make the folder writable; what is in it may be deleted at any time."
