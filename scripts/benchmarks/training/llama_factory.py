"""LLaMA-Factory in an environment of its own: its order file, its own program.

Its rows come from `tokenized_path`, so that the same ids are trained on. Run by the Python of that environment:
PYTHON llama_factory.py CONTESTANT MATERIAL_FOLDER DATA OUTPUT_FOLDER LEARNING_RATE LORA_RANK LORA_ALPHA SEED
"""

import json
import sys
from pathlib import Path

OPTIONS: dict[str, dict[str, object]] = {
    "llama-factory": {},
    "llama-factory-no-checkpointing": {"disable_gradient_checkpointing": True},
}


def main(name: str, folder: Path, data: str, output: Path, numbers: list[str]) -> None:
    """Train once; the probe measures."""
    import torch  # noqa: PLC0415 - of the other environment
    from datasets import Dataset, DatasetDict  # noqa: PLC0415

    size = json.loads((folder / "size.json").read_text(encoding="utf-8"))[0]
    rows = json.loads((folder / f"{data}.tokens.json").read_text(encoding="utf-8"))
    for row in rows:
        row["attention_mask"] = [1] * len(row["input_ids"])
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(output / "rows"))
    learning_rate, rank, alpha, seed = numbers
    order = {
        "stage": "sft",
        "do_train": True,
        "model_name_or_path": str(folder / "model"),
        "dataset": "bench",  # must be named; the rows come from the next line
        "tokenized_path": str(output / "rows"),
        "template": "empty",
        "finetuning_type": "lora",
        "lora_rank": int(rank),
        "lora_alpha": int(alpha),
        "lora_target": "all",
        "output_dir": str(output / "out"),
        "per_device_train_batch_size": size["batch"],
        "gradient_accumulation_steps": 1,
        "max_steps": size["steps"],
        "learning_rate": float(learning_rate),
        "lr_scheduler_type": "constant",
        "seed": int(seed),
        "data_seed": int(seed),
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "bf16": torch.cuda.is_available(),
        "use_cpu": not torch.cuda.is_available(),
    } | OPTIONS[name]
    from llamafactory.train.tuner import run_exp  # noqa: PLC0415

    run_exp(order)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), sys.argv[5:])
