"""The model card of a merged model: where it comes from, and what was verified."""

from backend.domain.exports import ExportOrder
from backend.exporters import Verified
from backend.trainer.result import plain, quoted

CARD = """\
---
base_model: {base_yaml}
base_model_relation: merge
library_name: transformers
pipeline_tag: {task}
tags:
- {method}
- {recipe}
---

# {title}

Base model and adapter as one model, merged by PEFT Studio. The licence of the base model holds for it as well.

| | |
|---|---|
| Base model | {base} |
| Method | {method} |
| Recipe | {recipe} |
| Quantization of the base in training | {quantization} |
| Dataset | {dataset} |
| Run | {run_id} |
| Number format | {precision} |
| Verified | {verified} |

```python
from transformers import {auto_class}, AutoTokenizer

model = {auto_class}.from_pretrained("path/of/this/folder", dtype="auto")
tokenizer = AutoTokenizer.from_pretrained("path/of/this/folder")
```
"""


def merged_card(order: ExportOrder, base: str, precision: str, verified: Verified) -> str:
    """README.md; `base` is a hub id or the name of a folder, never a path."""
    config = order.config
    scores = config.recipe.head == "score"
    return CARD.format(
        base_yaml=quoted(base),
        task="text-classification" if scores else "text-generation",
        method=config.method.name,
        recipe=config.recipe.name,
        title=plain(config.name) or "Merged model",
        base=plain(base),
        quantization=config.quantization.name,
        dataset=plain(config.dataset.path.rstrip("/").rpartition("/")[2]),
        run_id=order.run_id,
        precision=precision,
        verified=plain(verified.told),
        auto_class="AutoModelForSequenceClassification" if scores else "AutoModelForCausalLM",
    )
