"""Base model and adapter become one model on the disk, which answers as both did together."""

import gc
import json
import resource
import sys
import warnings
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from backend.base_models.files import BaseFiles
from backend.domain.export_errors import ExportDiffers, ExportRefused
from backend.domain.exports import ExportOrder, Peers
from backend.exporters import NumberFormat, Verified
from backend.store.weight_shapes import weight_shapes
from backend.trainer.model import load_model
from backend.trainer.one_answer import Say

PROMPT = "The quick brown fox jumps over the lazy dog. What is 17 plus 25? 17 plus 25 is 42.\n"
MOST_TOKENS = 64
TOLERANCES = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}  # of the logits' standard deviation
SHARD = "2GB"
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class Merge:
    """What is merged, where to, and in which number format ("float32", "bfloat16", "float16")."""

    order: ExportOrder
    files: BaseFiles
    adapter: Path
    folder: Path
    precision: str
    say: Say

    def write(self) -> Verified:
        """Merge, write, load again, compare. Raises ExportRefused, ExportDiffers, and as `load_model`."""
        tokenizer = AutoTokenizer.from_pretrained(str(self.adapter), trust_remote_code=False)
        ids = tokenizer(PROMPT, return_tensors="pt")["input_ids"][:, :MOST_TOKENS]
        wanted, base_distance = self._merged(ids, tokenizer)
        gc.collect()
        self.say("Loading what was written, to compare")
        distance = _distance(wanted, _logits(self._again(), ids))
        peers = Peers(distance, base_distance, TOLERANCES[self.precision])
        if not peers.are_equal:
            why = (
                f"On a fixed prompt the merged model is {peers.merged:.2g} away from base and adapter, the base alone "
                f"{peers.base:.2g}; {peers.tolerance:g} is allowed for {self.precision}."
            )
            raise ExportDiffers(why=why)
        return _verified(peers, self.precision, ids.shape[1])

    def _merged(self, ids: torch.Tensor, tokenizer: PreTrainedTokenizerBase) -> tuple[torch.Tensor, float]:
        """The logits of base and adapter, and how far the base alone is from them. One model in memory."""
        config = self.order.config
        self.say("Loading the base model")
        model = load_model(self.files, self.precision, config.quantization, head=config.recipe.head)
        if config.quantization.name != "none":
            self.say("Expanding the 4-bit weights")
            expanded: Any = model.dequantize()  # type: ignore[no-untyped-call]  # transformers
            model = expanded.to(getattr(torch, self.precision))
        adapted = self._worn(model)
        self.say("Asking base and adapter")
        wanted = _logits(adapted, ids)
        with adapted.disable_adapter():
            base_distance = _distance(wanted, _logits(adapted, ids))
        self.say("Merging")
        merged = self._unloaded(adapted)
        merged.config.name_or_path = merged.config._name_or_path = ""  # noqa: SLF001 - a folder of this machine
        self.say("Writing the model")
        merged.save_pretrained(str(self.folder), max_shard_size=SHARD)
        tokenizer.save_pretrained(str(self.folder))
        return wanted, base_distance

    def _worn(self, model: PreTrainedModel) -> PeftModel:
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message="Found missing adapter keys")
                return PeftModel.from_pretrained(model, str(self.adapter)).eval()
        except (ValueError, RuntimeError, KeyError, TypeError, UserWarning, SafetensorError) as error:
            raise self._refused(error) from error

    def _unloaded(self, adapted: PeftModel) -> PreTrainedModel:
        """The safe way looks for numbers that are none in each merged layer, and needs that layer twice."""
        try:
            merged: PreTrainedModel = adapted.merge_and_unload(safe_merge=True)
        except (ValueError, NotImplementedError, AttributeError, RuntimeError) as error:
            raise self._refused(error) from error
        return merged

    def _again(self) -> PreTrainedModel:
        is_language = self.order.config.recipe.head == "language"
        kind = AutoModelForCausalLM if is_language else AutoModelForSequenceClassification
        model: PreTrainedModel = kind.from_pretrained(
            str(self.folder),
            dtype=getattr(torch, self.precision),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        return model

    def _refused(self, error: BaseException) -> ExportRefused:
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        return ExportRefused(run_id=self.order.run_id, exporter=self.order.exporter.name, why=f"peft says: {why}.")


def chosen_format(files: BaseFiles, wanted: NumberFormat) -> str:
    """What is written: as wanted, else the format of the base model's files, else float32."""
    if wanted != "auto":
        return wanted
    told = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
    stated = str(told.get("dtype") or told.get("torch_dtype") or "").removeprefix("torch.")
    return stated if stated in BYTES else "float32"


def needed_bytes(files: BaseFiles, precision: str) -> int:
    """What the weights take on the disk, by the headers of the base model's files."""
    return sum(map(prod, weight_shapes(files.origin).values())) * BYTES[precision]


def _logits(model: Any, ids: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - a model of transformers or peft
    """Float32 on the CPU."""
    device = next(model.parameters()).device
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=ids.to(device)).logits
    return found.to("cpu", torch.float32)


def _distance(wanted: torch.Tensor, found: torch.Tensor) -> float:
    """The largest difference, in standard deviations of what is wanted; infinite for numbers that are none.

    One score has no deviation, and is measured by its size.
    """
    spread = float(wanted.std()) if wanted.numel() > 1 else float(wanted.abs().max())
    distance = float((wanted - found).abs().max()) / max(spread, 1e-6)
    return distance if distance == distance else float("inf")  # noqa: PLR0124 - NaN


def _verified(peers: Peers, precision: str, num_tokens: int) -> Verified:
    scale = 1 if sys.platform == "darwin" else 1024
    told = (
        f"Loaded again, the merged model answers as base and adapter do: on {num_tokens} tokens its logits differ by "
        f"at most {peers.merged:.2g} standard deviations ({peers.tolerance:g} is allowed for {precision}); those of "
        f"the base alone differ by {peers.base:.2g}."
    )
    figures = {
        "logits_distance": peers.merged,
        "logits_distance_of_base": peers.base,
        "tolerance": peers.tolerance,
        "num_tokens": float(num_tokens),
        "peak_memory_bytes": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale),
    }
    return Verified(told=told, figures=figures)
