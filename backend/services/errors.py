"""What services refuse, and how to go on."""

from backend.errors import (
    Action,
    ConfigurationError,
    DataError,
    Explanation,
    NotFoundError,
    ProcessError,
    StorageError,
    UsageError,
)


class ConfigInvalid(ConfigurationError):
    """A RunConfig with unknown keys or values out of bounds."""

    id = "config-invalid"
    what = "The configuration cannot be used."
    why = "{problems}."
    fix = "Correct the named keys; `peft-studio methods` and the reference list what each takes."


class ConfigUnreadable(ConfigurationError):
    """A file that is no YAML document of keys."""

    id = "config-unreadable"
    what = "The configuration file {path} cannot be read."
    why = "{problem}."
    fix = "Give a YAML file such as the ones in config/presets."


class PreflightFailed(ConfigurationError):
    """Something that would make the run fail was found before it started."""

    id = "preflight-failed"
    what = "The run was not started."
    why = "{problems}"
    fix = "Correct what is named; nothing was written."


class DiskAlmostFull(StorageError):
    """Too little room for checkpoints."""

    id = "disk-almost-full"
    action = Action.OPEN_MACHINE
    what = "There is too little free space in {folder}."
    why = (
        "{free} are free, and {needed} are needed: three checkpoints of about {checkpoint} (an estimate; two kept, "
        "one being written), and {floor} that are to stay free."
    )
    fix = "Free some space, or choose another workspace with PEFT_STUDIO_WORKSPACE."


class DiskTight(StorageError):
    """Room for the first checkpoints, but not for all that is expected."""

    id = "disk-tight"
    action = Action.OPEN_MACHINE
    what = "The free space in {folder} may not be enough for the whole run."
    why = (
        "{free} are free, and {needed} may be needed: {count} checkpoints of about {checkpoint} (an estimate), "
        "a log of at most {log}, and {floor} that are to stay free."
    )
    fix = "Free some space or keep fewer checkpoints; when room gets short the run is paused, and nothing is lost."


class MemoryShort(ConfigurationError):
    """Even the low end of the forecast is more than there is."""

    id = "memory-short"
    action = Action.OPEN_MACHINE
    what = "The run will probably not fit into {place}."
    why = "It is forecast to take {range}, and it may take {room} now. The forecast: {sources}."
    fix = "Take a smaller micro-batch, gradient checkpointing, shorter rows or quantized weights, or free memory first."


class MemoryTight(ConfigurationError):
    """Only the high end of the forecast is more than there is."""

    id = "memory-tight"
    action = Action.OPEN_MACHINE
    what = "The run may not fit into {place}."
    why = "It is forecast to take {range}, and it may take {room} now. The forecast: {sources}."
    fix = "Measure it with three real steps, free memory, or take a smaller micro-batch; nothing speaks against trying."


class FolderTakenAsHubId(NotFoundError):
    """A path of two parts without a folder behind it."""

    id = "folder-taken-as-hub-id"
    what = "The base model {path} will be fetched from the hub."
    why = "There is no folder {folder}, though there is one above it; the path was taken as a hub id."
    fix = "If you mean a folder, correct the path; it is relative to the folder of run.yaml."


class PackageMissing(ConfigurationError):
    """A library that the chosen combination needs is not installed."""

    id = "package-missing"
    action = Action.OPEN_MACHINE
    what = "The package {package} is missing."
    why = "{reason}."
    fix = "Install it: {command}"


class PortTaken(UsageError):
    """A port that was asked for by its number."""

    id = "port-taken"
    what = "Port {port} cannot be used."
    why = "Another program listens on it, or the system keeps it for itself."
    fix = "Choose another one, or leave --port out: a free one is found."


class TensorBoardFailed(ProcessError):
    """TensorBoard's own page did not come up."""

    id = "tensorboard-failed"
    what = "TensorBoard did not start."
    why = "{reason}"
    fix = "Look into {log}; the Curves and Monitor pages show the same curves without it."


class RunIsActive(UsageError):
    """An action that needs a run at rest."""

    id = "run-active"
    action = Action.OPEN_RUN
    what = "The run {run_id} is {state}."
    why = "{action} works only when the run is at rest."
    fix = "Stop it first: peft-studio runs stop {run_id}"


class RunIsFinished(UsageError):
    """A finished run cannot go on."""

    id = "run-finished"
    action = Action.OPEN_RUN
    what = "The run {run_id} is finished."
    why = "All of its steps are done."
    fix = "Extend it by more steps: peft-studio runs extend {run_id} --steps 100"


class RunNotWaiting(UsageError):
    """An action on a place in the queue that the run does not have."""

    id = "run-not-waiting"
    action = Action.OPEN_RUN
    what = "The run {run_id} cannot be {action}: it is {state}."
    why = "Only a run that waits for its turn has a place in the queue."
    fix = "Look at the queue: peft-studio queue list"


class QueueCircle(UsageError):
    """A run that would wait for itself."""

    id = "queue-circle"
    what = "The run {run_id} cannot wait for {other}."
    why = "{other} itself waits for {run_id}, directly or through others: none of them would ever start."
    fix = "Let one of them wait for nobody: peft-studio queue after {other}"


class NothingToChange(UsageError):
    """No change of orders is known to help."""

    id = "nothing-to-change"
    action = Action.OPEN_RUN
    what = "There is nothing to change for the run {run_id}."
    why = "It is not at rest after a failure, or no setting is known to help against what was found ({error_id})."
    fix = "Read its message and the end of its log; `peft-studio runs resume` tries again as it is."


class CannotExtend(UsageError):
    """A run that cannot go on for more steps."""

    id = "cannot-extend"
    action = Action.OPEN_RUN
    what = "The run {run_id} cannot be extended."
    why = "{why}"
    fix = "Resume a run that is not finished; for another length from the start, start a new run with more steps."


class CannotFork(UsageError):
    """Changed settings that do not fit the checkpoint."""

    id = "cannot-fork"
    action = Action.OPEN_RUN
    what = "The run {run_id} cannot be forked from step {step} with these settings."
    why = "{why}."
    fix = "Leave these settings as they are, or start a new run with them: peft-studio train run.yaml --set ..."


class NoAnswerYet(NotFoundError):
    """A run whose result does not exist yet."""

    id = "adapter-not-found"
    action = Action.OPEN_RUN
    what = "The run {run_id} has no result yet."
    why = "It is {state}; the result is written at the end."
    fix = "Wait until it is finished, or resume it: peft-studio runs resume {run_id}"


class UploadRefused(UsageError):
    """A file that the studio does not take."""

    id = "upload-refused"
    action = Action.OPEN_DATASETS
    what = "The file {name} was not taken."
    why = "{reason}."
    fix = "Give a .jsonl, .json, .csv, .tsv, .parquet or .txt file within the size limit."


class UploadNotKept(StorageError):
    """A file that could not be written into the workspace."""

    id = "upload-not-kept"
    what = "The file {name} was not kept."
    why = "It could not be written to {folder}: {reason}."
    fix = "Make room on the disk, or give yourself the right to write there; then upload it again."


class DatasetRowsBroken(DataError):
    """Rows that cannot be trained on."""

    id = "dataset-rows-broken"
    what = "{count} rows of {path} cannot be used."
    why = "{rows}."
    fix = "Correct or remove these rows; the Train page lists them."


class AnswerFailed(ProcessError):
    """The chat program could not answer; says what the program said, with its id."""

    id = "chat-failed"
    what = "There is no answer, or no more of it."
    why = "{why}"
    fix = "Ask again; the chat program is started anew."

    def __init__(self, explanation: Explanation | None = None, **data: object) -> None:
        self._explanation = explanation
        super().__init__(**data)

    def explain(self) -> Explanation:
        """The chat program's own explanation if there is one."""
        return self._explanation or super().explain()


class AdapterUnreadable(StorageError):
    """A run folder whose adapter or run.yaml cannot be used."""

    id = "adapter-unreadable"
    action = Action.OPEN_MODELS
    what = "The result of the run in {folder} cannot be read."
    why = "Its run.yaml or adapter_config.json is missing or damaged ({reason})."
    fix = "Restore these files from a copy, or train again."


class DatasetRemarks(DataError):
    """Rows that can be trained on, but may not be meant so."""

    id = "dataset-remarks"
    what = "The dataset {path} has rows worth a look."
    why = "{remarks}."
    fix = "Nothing need be done if they are meant so."
