"""The messages of the libraries that we recognise, the most specific first."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Symptom:
    """A message, and what it means."""

    pattern: re.Pattern[str]
    id: str
    reason: str
    advice: str
    is_worth_retrying: bool


def _symptom(pattern: str, id_: str, reason: str, advice: str, *, is_worth_retrying: bool = False) -> Symptom:
    return Symptom(re.compile(pattern, re.IGNORECASE), id_, reason, advice, is_worth_retrying)


SYMPTOMS: tuple[Symptom, ...] = (
    _symptom(
        r"(CUDA|HIP|MPS backend|XPU)\W+(error: )?out of memory|CUBLAS_STATUS_ALLOC_FAILED",
        "gpu-out-of-memory",
        "the GPU ran out of memory",
        "Take a smaller batch with more accumulation, a shorter maximum length, checkpointing or QLoRA.",
    ),
    _symptom(
        r"DefaultCPUAllocator: (can't|not enough)|\bMemoryError\b|Cannot allocate memory|std::bad_alloc"
        r"|DataLoader worker .*killed by signal: Killed",
        "out-of-memory",
        "the machine ran out of memory",
        "Take a smaller batch or maximum length, quantize, or close other programs, and start it again.",
    ),
    _symptom(
        r"No space left on device|Not enough disk space|Disk quota exceeded"
        r"|inline_container\.cc.*unexpected pos|PytorchStreamWriter failed writing",
        "disk-full",
        "the disk is full",
        "Make room on the disk, then start it again.",
    ),
    _symptom(
        r"Read-only file system|\bPermissionError\b|Permission denied",
        "not-permitted",
        "a file or folder may not be read or written",
        "Give yourself the right to it (the log names it), then start it again.",
    ),
    _symptom(
        r"No module named '?(?P<module>[\w.]+)",
        "module-missing",
        "a Python module is missing",
        "Install it into the studio's environment (the log names it), then start it again.",
    ),
    _symptom(
        r"cannot open shared object file|undefined symbol",
        "library-missing",
        "a compiled library is missing or does not fit",
        "Install the packages again with the pinned versions of constraints.txt.",
    ),
    _symptom(
        r"GatedRepoError|Access to model .* is restricted|gated repo",
        "hub-gated",
        "the model is gated on the hub",
        "Accept its licence on the hub, and set HF_TOKEN to a token that may read it.",
    ),
    _symptom(
        r"401 Client Error|Unauthorized for url|Invalid (user|username or) (token|password)",
        "hub-unauthorized",
        "the hub did not accept the token",
        "Set HF_TOKEN to a valid token; a wrong repository name is answered in the same way.",
    ),
    _symptom(
        r"404 Client Error|RepositoryNotFoundError|RevisionNotFoundError|EntryNotFoundError: 404"
        r"|is not a local folder and is not a valid model identifier|does not appear to have a file named",
        "hub-not-found",
        "the hub has no such model, revision or file",
        "Check the name and the revision, or give a folder on this machine.",
    ),
    _symptom(
        r"OfflineModeIsEnabled|offline mode is enabled",
        "hub-offline",
        "the model is not on this machine, and the hub is switched off",
        "Give a folder with the model, or allow the hub (PEFT_STUDIO_HUB_OFFLINE=0).",
    ),
    _symptom(
        r"We couldn't connect to|LocalEntryNotFoundError|ConnectionError|ConnectError|ConnectTimeout"
        r"|ReadTimeout|Max retries exceeded|name resolution|Name or service not known"
        r"|Connection reset by peer|Connection aborted|Remote end closed|Too Many Requests"
        r"|(429|5\d\d) (Client|Server) Error",
        "network",
        "the network or the hub did not answer",
        "Check the connection; a model that was loaded once is kept on this machine.",
        is_worth_retrying=True,
    ),
    _symptom(
        r"No CUDA GPUs are available|Found no NVIDIA driver|driver version is insufficient"
        r"|no kernel image is available|Torch not compiled with CUDA",
        "gpu-unusable",
        "the GPU cannot be used by the installed torch",
        "Update the driver, or install the torch that fits it; `peft-studio doctor` shows both.",
    ),
    _symptom(
        r"device-side assert triggered|index out of range in self",
        "index-out-of-range",
        "an index lay outside of its table, most often a token id beyond the model's vocabulary",
        "Use the tokenizer that belongs to the model.",
    ),
    _symptom(
        r"DataLoader worker .*(Bus error|shared memory)|unable to (open|allocate) shared memory",
        "shared-memory",
        "the shared memory (/dev/shm) is too small",
        "In a container give it more (--shm-size=2g).",
    ),
    _symptom(
        r"uncorrectable ECC|unspecified launch failure|illegal memory access|fallen off the bus|CUDA error"
        r"|HIP error|CUDNN_STATUS|CUBLAS_STATUS|NCCL",
        "gpu-error",
        "the GPU or its driver failed",
        "If it repeats, look at the driver's messages (dmesg, nvidia-smi).",
        is_worth_retrying=True,
    ),
    _symptom(
        r"SafetensorError: Error while deserializing|invalid header|MetadataIncompleteBuffer|HeaderTooLarge",
        "weights-damaged",
        "a weight file is damaged or incomplete",
        "Load the model again, or compare the file's size with the original's.",
    ),
    _symptom(
        r"size mismatch for ",
        "weights-do-not-fit",
        "the weights do not fit the model",
        "A checkpoint can only go on with the base model and the method that it was made with.",
    ),
    _symptom(
        r"Too many open files",
        "too-many-files",
        "the limit on open files was reached",
        "Raise it (ulimit -n 65536), and start it again.",
    ),
)
