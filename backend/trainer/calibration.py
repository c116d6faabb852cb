"""The first training rows, for starts that look at the data."""

from collections.abc import Iterable

from transformers import PreTrainedTokenizerBase

from backend.methods import LoraFamily, Method
from backend.trainer.collation import Collator
from backend.trainer.parts import Rows
from backend.trainer.starts import Batch, Calibration


def calibration_of(method: Method, rows: Rows, tokenizer: PreTrainedTokenizerBase) -> Calibration | None:
    """Batches of the first rows, the same in every attempt; None if the method or the recipe has none.

    A batch has input_ids, attention_mask and labels: int64, (rows, longest).
    """
    count = method.num_calibration_rows if isinstance(method, LoraFamily) else 0
    if not count or not len(rows.train) or not {"input_ids", "labels"} <= set(rows.train[0]):
        return None
    chosen = [rows.train[index] for index in range(min(count, len(rows.train)))]
    collate = Collator(int(tokenizer.pad_token_id or 0))

    def batches(size: int) -> Iterable[Batch]:
        return [collate(chosen[start : start + size]) for start in range(0, len(chosen), size)]

    return batches
