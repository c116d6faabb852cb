"""The real trainer in a narrow address space: python hungry_trainer.py RUN_DIR.

Three rows of a micro-batch fit. Each takes 64 MiB while it is learned, as in a larger model, and from the first
micro-batch on the kernel grants no more than that (RLIMIT_AS): torch's allocator fails for real.
Every row that is fetched is a line of rows.txt: attempt, number of the training row from 1.
"""

import os
import resource
import sys
from pathlib import Path
from typing import Any

import torch

from backend.trainer import __main__ as program
from backend.trainer.parts import Rows
from backend.trainer.recipes import sft

FITTING_ROWS = 3
ROW_BYTES = 64 * 1024 * 1024


class Recording(list[Any]):
    """A dataset that says which of its rows are fetched."""

    def __getitem__(self, index: Any) -> Any:
        with Path(sys.argv[1], "rows.txt").open("a") as file:
            file.write(f"{os.environ['PEFT_STUDIO_ATTEMPT']} {index + 1}\n")
        return super().__getitem__(index)


class HungryLoop(sft.SftLoop):
    def training_step(self, model: Any, inputs: Any, *others: Any) -> Any:
        narrow(FITTING_ROWS)
        ballast = torch.empty(self.args.per_device_train_batch_size * ROW_BYTES, dtype=torch.uint8)
        loss = super().training_step(model, inputs, *others)
        del ballast
        return loss


def narrow(rows: int) -> None:
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (rows + 3) * ROW_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def rows_of(*parts: Any) -> Rows:
    found = plain_rows(*parts)
    return Rows(Recording(found.train), found.validation)


plain_rows = sft.rows

if __name__ == "__main__":
    sft.rows, sft.SftLoop = rows_of, HungryLoop  # type: ignore[misc]
    sys.exit(program.main(sys.argv[1:]))
