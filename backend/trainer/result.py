"""The finished adapter: weights, tokenizer and a card of measured facts, written as one."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from backend.domain.run_config import RunConfig
from backend.trainer.adapters import Adapted
from backend.trainer.attempt import OwnAttempt
from backend.trainer.ending import Chosen
from backend.trainer.progress import Progress
from backend.trainer.staging import quarantine, staged

PACKAGES = ("peft", "transformers", "torch")
CARD = """\
---
base_model: {base_yaml}
library_name: peft
pipeline_tag: text-generation
tags:
- base_model:adapter
- {method}
---

# {title}

A {method} adapter, fine-tuned with PEFT Studio. Every number below was measured in this run.

| | |
|---|---|
| Base model | {base} |
| Method | {method}: {knobs} |
| Quantization of the base | {quantization} |
| Dataset | {dataset} ({num_rows} rows to learn, {num_validation} to evaluate) |
| Dataset fingerprint | {fingerprint} |
| Steps | {steps} of {rows_per_step} rows |
| Adapter of step | {adapter_step} ({adapter_reason}) |
| Evaluation loss before | {before} |
| Evaluation loss after | {after} |
| Versions | {versions} |

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained({base_python})
model = PeftModel.from_pretrained(base, "path/of/this/folder")
tokenizer = AutoTokenizer.from_pretrained("path/of/this/folder")
```
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says; `base` is the folder or hub id that the base model was loaded from."""

    base: str
    progress: Progress
    chosen: Chosen
    num_rows: int
    num_validation: int


def save_result(
    attempt: OwnAttempt, config: RunConfig, adapted: Adapted, tokenizer: PreTrainedTokenizerBase, facts: Facts
) -> None:
    """Write the run's `adapter/`. Raises AttemptSuperseded, DiskFull or NotWritten."""
    target = attempt.run.adapter
    if target.exists():
        quarantine(target)
    with staged(target, before_rename=lambda _: attempt.check_fence()) as folder:
        adapted.write_result(folder)
        tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(card(config, facts), encoding="utf-8")


def card(config: RunConfig, facts: Facts) -> str:
    """The model card."""
    progress = facts.progress
    knobs = config.method.model_dump(exclude={"name"})
    return CARD.format(
        title=_plain(config.name) or "Adapter",
        base=_plain(facts.base),
        base_yaml=_quoted(facts.base),
        base_python=repr(facts.base),
        method=config.method.name,
        knobs=_plain(", ".join(f"{name} {value}" for name, value in knobs.items())),
        quantization=config.quantization.name,
        dataset=_plain(Path(config.dataset.path).name),
        fingerprint=progress.dataset,
        num_rows=facts.num_rows,
        num_validation=facts.num_validation,
        steps=progress.step,
        rows_per_step=config.effective_batch_size,
        before=_nats(progress.first_eval_loss),
        after=_nats(facts.chosen.eval_loss),
        adapter_step=facts.chosen.step,
        adapter_reason=_plain(facts.chosen.reason),
        versions=", ".join(f"{name} {version(name)}" for name in PACKAGES),
    )


def _nats(loss: float | None) -> str:
    return "not measured (no validation rows)" if loss is None else f"{loss:.4f} nats per token"


def _plain(text: str) -> str:
    """One line that cannot leave its table cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _quoted(text: str) -> str:
    """A YAML string in single quotes."""
    return "'" + " ".join(text.split()).replace("'", "''") + "'"
