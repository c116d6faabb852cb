"""The finished adapter or model: weights, tokenizer and a card of measured facts, written as one."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from backend.domain.run_config import RunConfig
from backend.methods import WholeMethod
from backend.spec import Spec
from backend.trainer.adapted import Adapted
from backend.trainer.attempt import OwnAttempt
from backend.trainer.ending import Chosen
from backend.trainer.progress import Progress
from backend.trainer.staging import quarantine, staged

PACKAGES = ("peft", "transformers", "torch")
CARD = """\
---
base_model: {base_yaml}
library_name: {library}
pipeline_tag: {task}
tags:
- base_model:{relation}
- {method}
- {recipe}
---

# {title}

{made}, trained with PEFT Studio by the recipe {recipe} ({recipe_title}).
Every number below was measured in this run.

| | |
|---|---|
| Base model | {base} |
| Recipe | {recipe}{recipe_knobs} |
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
{loading}
tokenizer = AutoTokenizer.from_pretrained("path/of/this/folder")
```
"""
LOADING_ADAPTER = """\
from peft import PeftModel
from transformers import {auto_class}, AutoTokenizer

base = {auto_class}.from_pretrained({base}{options})
model = PeftModel.from_pretrained(base, "path/of/this/folder")"""
LOADING_MODEL = """\
from transformers import {auto_class}, AutoTokenizer

model = {auto_class}.from_pretrained("path/of/this/folder"{options})"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says; `base` is the folder or hub id that the base model was loaded from.

    `pad_token_id` is what a score model was trained with: it finds the end of a padded text by it.
    """

    base: str
    progress: Progress
    chosen: Chosen
    num_rows: int
    num_validation: int
    pad_token_id: int | None = None


def save_result(
    attempt: OwnAttempt, config: RunConfig, adapted: Adapted, tokenizer: PreTrainedTokenizerBase, facts: Facts
) -> None:
    """Write the run's `adapter/` or `model/`. Raises AttemptSuperseded, DiskFull or NotWritten."""
    target = attempt.run.adapter if adapted.place == "adapter" else attempt.run.model
    if target.exists():
        quarantine(target)
    with staged(target, before_rename=lambda _: attempt.check_fence()) as folder:
        adapted.write_result(folder)
        tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(card(config, facts), encoding="utf-8")


def card(config: RunConfig, facts: Facts) -> str:
    """The model card."""
    progress = facts.progress
    is_model = isinstance(config.method, WholeMethod)
    recipe = config.recipe
    scores = recipe.head == "score"
    auto_class = "AutoModelForSequenceClassification" if scores else "AutoModelForCausalLM"
    options = f", num_labels=1, pad_token_id={facts.pad_token_id}" if scores else ""
    loading = LOADING_MODEL if is_model else LOADING_ADAPTER
    return CARD.format(
        task="text-classification" if scores else "text-generation",
        recipe=recipe.name,
        recipe_title=recipe.card.title,
        recipe_knobs=_knobs(recipe, ": "),
        title=plain(config.name) or ("Model" if is_model else "Adapter"),
        library="transformers" if is_model else "peft",
        relation="finetune" if is_model else "adapter",
        made="A whole model" if is_model else f"A {config.method.name} adapter",
        loading=loading.format(base=repr(facts.base), auto_class=auto_class, options=options),
        base=plain(facts.base),
        base_yaml=quoted(facts.base),
        method=config.method.name,
        knobs=_knobs(config.method),
        quantization=config.quantization.name,
        dataset=plain(Path(config.dataset.path).name),
        fingerprint=progress.dataset,
        num_rows=facts.num_rows,
        num_validation=facts.num_validation,
        steps=progress.step,
        rows_per_step=config.effective_batch_size,
        before=_loss(progress.first_eval_loss, recipe.loss_unit),
        after=_loss(facts.chosen.eval_loss, recipe.loss_unit),
        adapter_step=facts.chosen.step,
        adapter_reason=plain(facts.chosen.reason),
        versions=", ".join(f"{name} {version(name)}" for name in PACKAGES),
    )


def _knobs(spec: Spec, before: str = "") -> str:
    knobs = spec.model_dump(exclude={"name"}, exclude_none=True)
    told = plain(", ".join(f"{name} {value}" for name, value in knobs.items()))
    return before + told if told else ""


def _loss(loss: float | None, unit: str) -> str:
    return "not measured (no validation rows)" if loss is None else f"{loss:.4f} {unit}"


def plain(text: str) -> str:
    """One line that cannot leave its table cell in a card."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def quoted(text: str) -> str:
    """A YAML string in single quotes."""
    return "'" + " ".join(text.split()).replace("'", "''") + "'"
