"""How a Training choice is said in Hugging Face's words."""

from pathlib import Path
from typing import Any

import torch

from backend.domain.run_config import Training


def training_arguments(training: Training, *, precision: str, folder: Path, evaluate_first: bool) -> dict[str, Any]:
    """Keyword arguments of TrainingArguments: ours log, evaluate and save, and nobody is reported to.

    `warmup_steps` below 1 is a share of the steps. Losses that are not finite are not hidden.
    """
    has_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(folder),
        "max_steps": training.max_steps or -1,
        "num_train_epochs": training.epochs,
        "per_device_train_batch_size": training.batch_size,
        "per_device_eval_batch_size": training.batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": training.scheduler,
        "warmup_steps": training.warmup_ratio,
        "weight_decay": training.weight_decay,
        "optim": training.optimizer,
        "max_grad_norm": training.max_grad_norm,
        "bf16": precision == "bfloat16",
        "fp16": precision == "float16",
        "activation_checkpointing": training.gradient_checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": False},
        "seed": training.seed,
        "data_seed": training.seed,
        "eval_on_start": evaluate_first,
        "logging_strategy": "no",
        "eval_strategy": "no",
        "save_strategy": "no",
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": [],
        "remove_unused_columns": False,
        "dataloader_pin_memory": has_gpu,
        "use_cpu": not has_gpu,
    }
