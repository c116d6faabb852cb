"""Which environment variables a child inherits: an allow-list, so that a session's secrets stay in it."""

from collections.abc import Mapping

_NAMES = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP",
        "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHASHSEED", "PYTHONWARNINGS",
        "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "USERPROFILE", "LOCALAPPDATA",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    }
)  # fmt: skip
_PREFIXES = (
    "LC_", "XDG_", "CUDA_", "CUBLAS_", "CUDNN_", "NVIDIA_", "NCCL_",
    "ROCM_", "ROCR_", "HIP_", "HSA_", "MIOPEN_",
    "HF_", "HUGGINGFACE_", "TRANSFORMERS_", "TOKENIZERS_", "SAFETENSORS_", "ACCELERATE_",
    "TORCH_", "TORCHINDUCTOR_", "PYTORCH_", "TRITON_", "BNB_", "BITSANDBYTES_",
    "OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_", "NUMEXPR_", "VECLIB_",
    "MALLOC_", "GLIBC_", "COVERAGE_", "PEFT_STUDIO_",
)  # fmt: skip

RUN_ID = "PEFT_STUDIO_RUN_ID"
ATTEMPT = "PEFT_STUDIO_ATTEMPT"
TOKEN = "PEFT_STUDIO_TOKEN"  # noqa: S105 - the name of a variable
LOCK_FD = "PEFT_STUDIO_LOCK_FD"
LAUNCH = "PEFT_STUDIO_LAUNCH"  # marks a dashboard and what belongs to it; supervisors and trainers do not
# for programs of ours that run in a folder of the person's: a secrets.py that lies there is no module
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
_NEVER_INHERITED = frozenset({RUN_ID, ATTEMPT, TOKEN, LOCK_FD, LAUNCH})


def child_environment(ours: Mapping[str, str], additions: Mapping[str, str]) -> dict[str, str]:
    """The allowed part of our environment with the additions on top. No attempt's marks are inherited."""
    return {name: value for name, value in ours.items() if _is_allowed(name)} | dict(additions)


def marker(environment: Mapping[str, str]) -> dict[str, str]:
    """What marks every process of one attempt; empty if this is no environment of an attempt.

    It is the token alone, a secret of 128 bits: a process that waited for any run has no run's id in its environment.
    """
    return {TOKEN: environment[TOKEN]} if environment.get(TOKEN) else {}


def _is_allowed(name: str) -> bool:
    shouted = name.upper()  # proxies are also written in small letters
    return name not in _NEVER_INHERITED and (shouted in _NAMES or shouted.startswith(_PREFIXES))
