"""How encoded rows become one padded batch."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

Ids = list[int] | NDArray[np.int64]
IGNORED = -100  # the label that torch's cross entropy leaves out


class Encoded(TypedDict):
    """One row as token ids; `labels` are the ids again where they are to be learned, else IGNORED."""

    input_ids: Ids
    labels: Ids


@dataclass(frozen=True, slots=True)
class Collator:
    """Pads on the right to the longest row of the batch.

    It draws no random numbers: on a resume Hugging Face fetches the first batch before it restores them.
    """

    pad_id: int

    def __call__(self, rows: list[Encoded]) -> dict[str, torch.Tensor]:
        """Three int64 tensors of shape (rows, longest): input_ids, attention_mask, labels."""
        longest = max(len(row["input_ids"]) for row in rows)
        input_ids = torch.full((len(rows), longest), self.pad_id)
        labels = torch.full((len(rows), longest), IGNORED)
        attention_mask = torch.zeros((len(rows), longest), dtype=torch.int64)
        for index, row in enumerate(rows):
            length = len(row["input_ids"])
            input_ids[index, :length] = torch.as_tensor(row["input_ids"])
            labels[index, :length] = torch.as_tensor(row["labels"])
            attention_mask[index, :length] = 1
        return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
