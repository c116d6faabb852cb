"""What this trainer was told, read before anything heavy is imported."""

import json
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from backend.domain.adjustments import adjusted, read_adjustments
from backend.domain.memory_levers import maps_blocks
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.executors.own_memory import map_large_blocks
from backend.trainer.errors import RunConfigInvalid
from config.catalog import DEMO_MODEL
from config.yaml_files import YamlError, read_yaml

ENVIRONMENT = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS is deterministic only with this
    "DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
BITSANDBYTES_OPTIMIZERS = ("adamw_8bit", "paged_", "lion_")
ENV_OFFLINE = "PEFT_STUDIO_HUB_OFFLINE"
RESULT = ("adapter_config.json", "adapter_model.safetensors")
MODEL_RESULT = "config.json"


def is_finished(run: RunDirectory) -> bool:
    """Whether the result is there; it appears whole or not at all."""
    return all((run.adapter / name).is_file() for name in RESULT) or (run.model / MODEL_RESULT).is_file()


def read_order(run: RunDirectory) -> RunConfig:
    """The RunConfig in run.yaml, as supervision adjusted it. Raises RunConfigInvalid."""
    try:
        return adjusted(RunConfig.model_validate(read_yaml(run.config)), read_adjustments(run.adjustments))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'run.yaml'}: {e['msg']}" for e in error.errors())
        raise RunConfigInvalid(path=run.config, why=told) from error
    except YamlError as error:
        raise RunConfigInvalid(path=run.config, why=f"It is not YAML: {error}.") from error
    except OSError as error:
        raise RunConfigInvalid(path=run.config, why=f"It cannot be read: {error.strerror}.") from error


def settle_environment(environ: MutableMapping[str, str], processes: int = 1) -> None:
    """Defaults for the libraries, and none of accelerate's variables: only the RunConfig counts."""
    for name, value in ENVIRONMENT.items():
        environ.setdefault(name, value)
    # the first GPUs that we may use: Hugging Face would spread one process over all of them (DataParallel)
    visible = environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(processes)))).split(",")
    environ["CUDA_VISIBLE_DEVICES"] = ",".join(visible[:processes])
    for name in [name for name in environ if name.startswith("ACCELERATE_")]:
        del environ[name]
    if environ.get(ENV_OFFLINE, "").lower() in {"1", "true", "yes", "on"}:
        environ["HF_HUB_OFFLINE"] = "1"


def settle_allocator(environ: MutableMapping[str, str], config: RunConfig) -> None:
    """How CUDA memory grows; torch reads it when it is imported. What a person set already stays."""
    if config.speed.expandable_segments:
        environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")


def settle_main_memory(environ: Mapping[str, str], config: RunConfig) -> None:
    """Whether large tensors have pages of their own, which go back at once, where that was chosen."""
    if maps_blocks(config):
        map_large_blocks(environ)


def hide_bitsandbytes(config: RunConfig, root: Path, modules: MutableMapping[str, ModuleType | None]) -> None:
    """Keep peft and transformers from importing bitsandbytes where neither weights nor optimizer need it.

    It saves 2 of 8 seconds of CPU at the start. None in sys.modules is Python's own way to say "cannot be
    imported" (language reference, 5.3.1); both libraries then take bitsandbytes as not installed.
    """
    is_loaded = "bitsandbytes" in modules or "peft" in modules
    if not is_loaded and not needs_bitsandbytes(config, root):
        modules["bitsandbytes"] = None


def needs_bitsandbytes(config: RunConfig, root: Path) -> bool:
    """Whether weights or optimizer do, or may do."""
    is_named = config.quantization.name != "none" or config.training.optimizer.startswith(BITSANDBYTES_OPTIMIZERS)
    return is_named or _may_be_quantized(config, root)


def _may_be_quantized(config: RunConfig, root: Path) -> bool:
    """Whether the weights on disk may need bitsandbytes; a model that is not here yet counts as maybe."""
    if config.base_model.path == DEMO_MODEL:
        return False
    file = root / Path(config.base_model.path).expanduser() / "config.json"
    try:
        return "quantization_config" in json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
