"""What the studio says about real messages of the libraries and the kernel, and which change it offers."""

from pathlib import Path
from typing import Any

import pytest

from backend.domain.diagnosis import diagnose
from backend.domain.remedies import remedy
from backend.domain.run_config import RunConfig
from config.yaml_files import read_yaml

MESSAGES: list[dict[str, Any]] = read_yaml(Path(__file__).parent.parent / "samples" / "library_messages.yaml")
LIBRARIES = (
    *("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets", "safetensors"),
    *("huggingface_hub", "tokenizers", "NCCL", "cuBLAS", "CUDA", "Linux"),
)
HEAD = """\
{'loss': 2.31, 'step': 12}
Traceback (most recent call last):
  File "/x/backend/trainer/__main__.py", line 12, in <module>
    main()
  File "/x/torch/nn/modules/module.py", line 1775, in _call_impl
    return forward_call(*args, **kwargs)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
"""
ORDER = RunConfig.model_validate(
    {
        "base_model": "demo",
        "dataset": "rows.jsonl",
        "method": {"name": "lora", "target_modules": ["query_key_value"]},
        "training": {
            "batch_size": 8,
            "gradient_checkpointing": True,
            "precision": "bfloat16",
            "keep_checkpoints": 4,
        },
        "speed": {"dataloader_workers": 2, "attention": "flash_attention_2"},
    }
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: f"{message['source']}: {message['text'][:60]}")
def test_a_message_of_a_library_is_recognised(message: dict[str, Any]) -> None:
    found = diagnose(1, None, f"{HEAD}{message['text']}\n", hung=False, oom_evidence=False)
    offered = remedy(found.id, ORDER)
    assert (found.id, found.is_worth_retrying) == (message["id"], message["is_worth_retrying"])
    assert (offered.words if offered else None) == message.get("change")
    assert found.reason
    assert not found.reason.endswith(".")
    assert found.advice.endswith(".")


def test_the_table_is_of_all_libraries_and_each_message_is_in_it_once() -> None:
    sources = " ".join({message["source"] for message in MESSAGES})
    assert [name for name in LIBRARIES if name not in sources] == []
    assert len({message["text"] for message in MESSAGES}) == len(MESSAGES) > 140


@pytest.mark.parametrize("code", [64, 65, 78])
def test_no_message_makes_a_wrong_configuration_worth_another_attempt(code: int) -> None:
    for message in MESSAGES:
        found = diagnose(code, None, f"{HEAD}{message['text']}\n", hung=False, oom_evidence=False)
        assert not found.is_worth_retrying, message
