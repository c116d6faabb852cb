"""The peers that live in our own environment, used as their documentation shows: plain HF Trainer with peft, and trl.

Usage: python -m scripts.benchmarks.training.peers CONTESTANT MATERIAL_FOLDER DATA OUTPUT_FOLDER STEPS
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    DataCollatorWithFlattening,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from scripts.benchmarks.training.common import LEARNING_RATE, LORA_ALPHA, LORA_RANK, SEED
from scripts.benchmarks.training.material import Material, Size

TRL: dict[str, dict[str, Any]] = {
    "trl": {},
    "trl-float32": {"bf16": False},
    "trl-no-checkpointing": {"bf16": False, "gradient_checkpointing": False},
    "trl-padding-free": {"bf16": False, "gradient_checkpointing": False, "padding_free": True, "max_length": None},
}


def main(name: str, folder: Path, data: str, output: Path, steps: int) -> None:
    """Train once; the probe measures."""
    size = Size(**json.loads((folder / "size.json").read_text(encoding="utf-8"))[0])
    material = Material(folder, size)
    rows = Dataset.from_list(material.rows(data))
    tokenizer = AutoTokenizer.from_pretrained(str(material.model), trust_remote_code=False)
    has_gpu = torch.cuda.is_available()
    model = AutoModelForCausalLM.from_pretrained(
        str(material.model), dtype=torch.bfloat16 if has_gpu else torch.float32, trust_remote_code=False
    )
    lora = LoraConfig(r=LORA_RANK, lora_alpha=LORA_ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    shared: dict[str, Any] = {
        "output_dir": str(output),
        "per_device_train_batch_size": size.batch,
        "max_steps": steps,
        "learning_rate": LEARNING_RATE,
        "lr_scheduler_type": "constant",
        "seed": SEED,
        "data_seed": SEED,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not has_gpu,
    }
    if name in TRL:
        options = TRL[name] if not has_gpu else {key: value for key, value in TRL[name].items() if key != "bf16"}
        arguments = SFTConfig(**shared, **options)
        SFTTrainer(model, arguments, train_dataset=rows, processing_class=tokenizer, peft_config=lora).train()
    else:
        _plain(name, model, tokenizer, lora, shared | {"bf16": has_gpu}, rows)


def _plain(
    name: str,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    lora: LoraConfig,
    options: dict[str, Any],
    rows: Dataset,
) -> None:
    """HF Trainer with peft: padded to the longest of the batch, or flattened by transformers' own collator."""
    set_seed(SEED)
    adapted = get_peft_model(model, lora)
    flat = name == "hf-flat"
    collator = DataCollatorWithFlattening() if flat else DataCollatorForSeq2Seq(tokenizer)  # type: ignore[no-untyped-call]
    arguments = TrainingArguments(**options)
    Trainer(adapted, arguments, data_collator=collator, train_dataset=rows).train()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
